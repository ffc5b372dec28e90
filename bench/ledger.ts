/**
 * How fast the ledger is with many entries: `npm run bench:ledger -- [entries]`, 100,000 by default. Signing the
 * records is not counted. Prints a table, and leaves the same in `results/ledger.json`.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { ledger } from '../node/ledger/index.ts'
import { deal, signer } from './ledger/signer.ts'

/** Appends that are under way at the same time, of an order, a receipt and an acknowledgement each. */
const CONCURRENT = 100

/** Peers that the entries are with, as in a mesh of friends. */
const PEERS = 50

/** How often each single call is timed. */
const CALLS = 50

const entries = Number(process.argv[2] ?? 100_000)
const folder = mkdtempSync(join(tmpdir(), 'lobstah-bench-'))
const file = join(folder, 'ledger.sqlite')
const me = signer()
const peers = Array.from({ length: PEERS }, signer)
const book = ledger({ file })({ peer: me.peer })

async function timed(call: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await call()
  return performance.now() - start
}

/** Deals with one peer after another, half of them served and half asked. */
let dealt = 0
function nextDeal(): ReturnType<typeof deal> {
  const other = peers[dealt % PEERS] ?? me
  return dealt++ % 2 === 0 ? deal(other, me) : deal(me, other)
}

const rows: Record<string, { value: number; unit: string }> = {}
function report(what: string, value: number, unit: string): void {
  rows[what] = { value: Math.round(value * 1000) / 1000, unit }
}

async function reportCalls(what: string, call: () => Promise<unknown>): Promise<void> {
  const times: number[] = []
  for (let count = 0; count < CALLS; count++) times.push(await timed(call))
  times.sort((a, b) => a - b)
  report(`${what}, median`, times[CALLS / 2] ?? NaN, 'ms')
  report(`${what}, worst of ${CALLS}`, times.at(-1) ?? NaN, 'ms')
}

async function fill(): Promise<void> {
  let [kept, milliseconds] = [0, 0]
  while (kept < entries) {
    const appends = Array.from({ length: CONCURRENT }, nextDeal)
    milliseconds += await timed(async () => Promise.all(appends.map(async (records) => book.append(records))))
    kept += appends.flat().length
  }
  report('entries', kept, '')
  report(`append, ${CONCURRENT} orders at a time`, (kept / milliseconds) * 1000, 'entries/s')
}

async function verify(): Promise<void> {
  const before = process.cpuUsage()
  let verified = 0
  const milliseconds = await timed(async () => {
    const { entries: count, firstBad } = await book.verify()
    verified = firstBad === undefined ? count : NaN
  })
  const { user, system } = process.cpuUsage(before)
  report('verify', (verified / milliseconds) * 1000, 'entries/s')
  report('verify, of a core’s time', verified / ((user + system) / 1e6), 'entries/s')
}

try {
  await book.start()
  await fill()
  const singles = Array.from({ length: CALLS }, nextDeal)
  await reportCalls('append of an order, one at a time', async () => book.append(singles.pop() ?? []))
  await reportCalls('balance', async () => book.balance())
  await reportCalls('list, newest 100', async () => book.list())
  await reportCalls('list, 100 of one peer', async () => book.list({ peer: peers[0]?.peer ?? '' }))
  const [last] = await book.list({ limit: 1 })
  await reportCalls('list, one order', async () => book.list({ order: last?.order ?? '' }))
  await reportCalls('hasOrder', async () => book.hasOrder(last?.order ?? ''))
  await book.stop()
  report('size', statSync(file).size / (last?.index ?? NaN), 'bytes/entry')
  report('start', await timed(async () => book.start()), 'ms')
  report('backup', await timed(async () => book.backup(join(folder, 'copy.sqlite'))), 'ms')
  await verify()

  console.table(rows)
  const results = join(import.meta.dirname, 'results')
  mkdirSync(results, { recursive: true })
  const machine = { node: process.version, cores: availableParallelism(), cpu: cpus()[0]?.model }
  writeFileSync(
    join(results, 'ledger.json'),
    JSON.stringify({ date: new Date().toISOString(), machine, rows }, null, 2)
  )
} finally {
  await book.stop()
  rmSync(folder, { recursive: true })
}
