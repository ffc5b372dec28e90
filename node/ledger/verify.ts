import type { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { entryHash, genesisHash, openAll, type Opened } from './entry.ts'
import type { LedgerEntry, VerifyReport } from './index.ts'
import { readAfter, readBalances, readLastIndex, readOpenClaims } from './reader.ts'
import { Settlement, type Settled } from './settlement.ts'
import { Sums } from './sums.ts'
import { VerifyPool } from './verify-pool.ts'

/** Entries checked before other calls get their turn: some 10 ms of work. */
const SLICE = 256

/** The same where this thread verifies the signatures too. */
const SLICE_ALONE = 64

/** Entries from which on threads are worth their start. */
const MANY_ENTRIES = 4096

type KeptEntry = LedgerEntry & { peer: string }

interface Slice {
  rows: KeptEntry[]
  opened: Promise<Opened[]>
}

/** Who verifies the records of a slice, and how many slices at once. */
interface Opener {
  slice: number
  depth: number
  open: (rows: KeptEntry[]) => Promise<Opened[]>
  close: () => Promise<void>
}

/** Checks entries and balances as `README.md` says; rejects with the signal's reason when it fires. */
export async function verifyLedger(
  db: DatabaseSync,
  owner: string,
  signal: AbortSignal
): Promise<VerifyReport> {
  const opener = readLastIndex(db) < MANY_ENTRIES ? alone() : pooled()
  try {
    return await verifyAll(db, owner, opener, signal)
  } finally {
    await opener.close()
  }
}

function alone(): Opener {
  return { slice: SLICE_ALONE, depth: 1, open: openAll, close: () => Promise.resolve() }
}

function pooled(): Opener {
  const pool = new VerifyPool()
  const open = async (rows: KeptEntry[]): Promise<Opened[]> =>
    await pool.open(rows.map(({ kind, record }) => ({ kind, record })))
  return { slice: SLICE, depth: pool.depth, open, close: () => pool.close() }
}

async function verifyAll(
  db: DatabaseSync,
  owner: string,
  opener: Opener,
  signal: AbortSignal
): Promise<VerifyReport> {
  const settlement = new Settlement(db, owner)
  const sums = new Sums()
  let [read, entries, hash] = [0, 0, genesisHash(owner)]
  /** Read, and being verified. */
  const ahead: Slice[] = []
  for (;;) {
    while (ahead.length < opener.depth) {
      const rows = readAfter(db, read, opener.slice)
      if (rows.length === 0) break
      read = rows.at(-1)?.index ?? read
      const opened = opener.open(rows)
      // Whether it is still waited for depends on the slices before.
      opened.catch(() => undefined)
      ahead.push({ rows, opened })
    }
    const slice = ahead.shift()
    if (slice === undefined) {
      const reason = differingSums(db, read, sums)
      if (reason === undefined) return { entries }
      if (reason !== 'more') return { entries, firstBad: { index: null, reason } }
      continue
    }
    const opened = await slice.opened
    for (const [place, entry] of slice.rows.entries()) {
      entries++
      const reason = checkEntry(entry, entries, hash, opened[place], settlement, sums)
      if (reason !== undefined) return { entries, firstBad: { index: entries, reason } }
      hash = entry.hash
    }
    await setImmediate()
    signal.throwIfAborted()
  }
}

/** What of the tables that follow from the entries does not, as of one moment; `more` where entries came since. */
function differingSums(db: DatabaseSync, read: number, sums: Sums): string | undefined {
  db.exec('BEGIN')
  try {
    if (readLastIndex(db) > read) return 'more'
    return sums.differing(readBalances(db), readOpenClaims(db))
  } finally {
    db.exec('ROLLBACK')
  }
}

/** What is wrong with an entry, or undefined; adds what it changes to `sums`. */
function checkEntry(
  entry: KeptEntry,
  index: number,
  previous: string,
  opened: Opened | undefined,
  settlement: Settlement,
  sums: Sums
): string | undefined {
  if (entry.index !== index) return `it is missing: the next is ${entry.index}`
  if (entryHash(previous, index, entry.at, entry) !== entry.hash) return 'its hash is not that of its content'
  if (opened === undefined || 'invalid' in opened) return opened?.invalid ?? 'it was not verified'
  let settled: Settled
  try {
    settled = settlement.settle(index, opened)
  } catch (err) {
    // What SQLite throws is about the file, not about the entry.
    if (!(err instanceof Error) || 'errcode' in err) throw err
    return err.message
  }
  const expected = { ...opened, credits: settled.credits, peer: settled.peer }
  for (const column of ['order', 'consumer', 'contributor', 'seq', 'final', 'credits', 'peer'] as const) {
    if (entry[column] !== expected[column]) return `its ${column} is not that of its payload`
  }
  sums.add(entry.order, settled)
  return undefined
}
