/**
 * `npm run test:nat`: real nodes in network namespaces, with each kind of NAT between them. Prints what they
 * reached, fails where that is less than it was, and writes docs/nat-matrix.md and its part of the README.
 *
 * `NAT_SELECTION=ci` runs a selection in a few minutes and writes nothing. `NAT_ONLY=<text>` runs what has the
 * text in its name. `NAT_REQUIRED=1` fails where the lab cannot run, instead of being skipped. Failed
 * cases run once more, since the machine may be busy; the page is written only if none fails.
 */
/* eslint-disable no-console */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { FAILURES, suffer, type Outcome } from './failures.ts'
import { Lab, labUnavailable } from './lab.ts'
import { measure, measureLong, SCENARIOS, type LongRow, type Row } from './matrix.ts'
import { outcomeText, page, rowText, withMatrix } from './report.ts'

const PAGE = join(import.meta.dirname, '../../docs/nat-matrix.md')
const README = join(import.meta.dirname, '../../README.md')

const reason = labUnavailable()
if (reason !== undefined) {
  const required = process.env.NAT_REQUIRED === '1'
  console.log(`${required ? 'FAILED' : 'SKIPPED'}: the NAT lab cannot run here: ${reason}`)
  process.exit(required ? 1 : 0)
}

const ci = process.env.NAT_SELECTION === 'ci'
const only = process.env.NAT_ONLY

/** When the selection for CI is taken to hang, in milliseconds. It takes three minutes on two idle cores. */
const CI_LIMIT_MS = 600_000
const complete = !ci && only === undefined
const chosen = <T extends { name: string; ci?: boolean }>(all: T[]): T[] =>
  all.filter(({ name, ci: inCi }) => (only === undefined ? !ci || inCi === true : name.includes(only)))

const lab = new Lab()
/** Labs of their own, beside the other: five minutes are long. */
const longLabs = complete
  ? SCENARIOS.filter(({ long }) => long).map((scenario, n) => ({ scenario, lab: new Lab(`-${n}`) }))
  : []
const down = async (): Promise<void> => {
  for (const { lab: one } of [{ lab }, ...longLabs]) await one.down()
}
const rows: Row[] = []
const long: LongRow[] = []
const outcomes: Outcome[] = []
let stopping = false
const onSignal = (): void => {
  if (stopping) return
  stopping = true
  void down().finally(() => process.exit(130))
}
/** Measures, and once more where that failed. */
const twice = async <T extends { failures: string[] }>(
  name: string,
  attempt: () => Promise<T>
): Promise<T> => {
  const first = await attempt()
  if (first.failures.length === 0) return first
  console.log(`AGAIN ${name}: ${first.failures.join('; ')}`)
  return await attempt()
}
const limit = setTimeout(() => {
  console.log(`FAILED: the selection took more than ${CI_LIMIT_MS / 60_000} minutes`)
  void down().finally(() => process.exit(1))
}, CI_LIMIT_MS)
if (!ci) clearTimeout(limit)
process.on('SIGINT', onSignal)
process.on('SIGTERM', onSignal)
try {
  for (const one of [lab, ...longLabs.map((entry) => entry.lab)]) await one.up()
  const longRunning = Promise.all(longLabs.map((entry) => measureLong(entry.lab, entry.scenario)))
  // It is awaited below; what comes before may fail first.
  longRunning.catch(() => undefined)
  for (const scenario of chosen(SCENARIOS)) {
    const row = await twice(scenario.name, () => measure(lab, scenario))
    rows.push(row)
    console.log(rowText(row))
  }
  for (const failure of chosen(FAILURES)) {
    const outcome = await twice(failure.name, () => suffer(lab, failure))
    outcomes.push(outcome)
    console.log(outcomeText(outcome))
  }
  for (const row of await longRunning) {
    long.push(row)
    console.log(`five minutes, ${row.scenario.name}: ${row.path}, ${row.whole ? 'whole' : 'BROKEN'}`)
  }
} finally {
  clearTimeout(limit)
  await down()
}
const failed = [
  ...[...rows, ...long].map(({ scenario, failures }) => ({ name: scenario.name, failures })),
  ...outcomes.map(({ failure, failures }) => ({ name: failure.name, failures }))
].filter(({ failures }) => failures.length > 0)
for (const { name, failures } of failed) console.log(`FAILED ${name}: ${failures.join('; ')}`)
if (complete && failed.length === 0) {
  const write = async (filepath: string, text: string): Promise<void> => {
    await writeFile(filepath, await format(text, { ...(await resolveConfig(filepath)), filepath }))
  }
  await write(PAGE, page(rows, long, outcomes))
  await write(README, withMatrix(await readFile(README, 'utf8'), rows))
}
process.exitCode = failed.length === 0 ? 0 : 1
