/**
 * How fast the ledger is with many entries: `node bench/ledger.ts [entries]`, 100,000 by default. Signing the
 * records is not counted. Prints a table, and the same as one line of JSON.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { ledger } from '../node/ledger/index.ts'
import { Deal, party } from '../test/node/ledger/records.ts'

/** Appends that are under way at the same time, of an order, a receipt and an acknowledgement each. */
const CONCURRENT = 100
const RECORDS = 3

/** How often each single call is timed. */
const CALLS = 50

const entries = Number(process.argv[2] ?? 100_000)
const folder = mkdtempSync(join(tmpdir(), 'lobstah-bench-'))
const file = join(folder, 'ledger.sqlite')
const [me, other] = [await party(), await party()]
const book = ledger({ file })({ peer: me.id })

async function timed(call: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await call()
  return performance.now() - start
}

async function percentiles(call: () => Promise<unknown>): Promise<[median: number, worst: number]> {
  const times: number[] = []
  for (let count = 0; count < CALLS; count++) times.push(await timed(call))
  times.sort((a, b) => a - b)
  return [times[CALLS / 2] ?? NaN, times.at(-1) ?? NaN]
}

function deals(count: number): Deal[] {
  return Array.from({ length: count }, () => new Deal(other, me))
}

const rows: { what: string; value: number; unit: string }[] = []
function report(what: string, value: number, unit: string): void {
  rows.push({ what, value: Math.round(value * 1000) / 1000, unit })
}
async function reportCalls(what: string, call: () => Promise<unknown>): Promise<void> {
  const [median, worst] = await percentiles(call)
  report(`${what}, median`, median, 'ms')
  report(`${what}, worst of ${CALLS}`, worst, 'ms')
}

try {
  await book.start()
  let milliseconds = 0
  let last = new Deal(other, me)
  for (let count = 0; count < entries; count += CONCURRENT * RECORDS) {
    const group = deals(CONCURRENT)
    const appends = await Promise.all(group.map(async (deal) => deal.whole(100)))
    last = group.at(-1) ?? last
    milliseconds += await timed(async () => Promise.all(appends.map(async (records) => book.append(records))))
  }
  const kept = (await book.list({ limit: 1 }))[0]?.index ?? 0
  report('entries', kept, '')
  report(`append, ${CONCURRENT} at a time`, (kept / milliseconds) * 1000, 'entries/s')

  const singles = await Promise.all(deals(CALLS).map(async (deal) => deal.ordered()))
  await reportCalls('append, one at a time', async () => book.append(singles.splice(0, 1)))
  await reportCalls('balance', async () => book.balance())
  await reportCalls('list, newest 100', async () => book.list())
  await reportCalls('list, 100 of one peer', async () => book.list({ peer: other.id }))
  await reportCalls('list, one order', async () => book.list({ order: last.order }))
  await reportCalls('hasOrder', async () => book.hasOrder(last.order))

  await book.stop()
  report('size', statSync(file).size / kept, 'bytes/entry')
  report('start', await timed(async () => book.start()), 'ms')
  let verified = 0
  const verifying = await timed(async () => {
    const { entries: count, firstBad } = await book.verify()
    verified = firstBad === undefined ? count : NaN
  })
  report('verify', (verified / verifying) * 1000, 'entries/s')

  console.table(rows)
  console.log(JSON.stringify({ node: process.version, cpu: cpus()[0]?.model, rows }))
} finally {
  await book.stop()
  rmSync(folder, { recursive: true })
}
