import type { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { entryHash, genesisHash, openAll, type Opened } from './entry.ts'
import type { LedgerEntry, VerifyReport } from './index.ts'
import {
  readAfter,
  readArchivedSums,
  readBalances,
  readCheckpoint,
  readLastIndex,
  readOpenClaims
} from './reader.ts'
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

/** Verifies the records of a slice, and says how many slices it takes at once. */
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
  for (const { peer, earned, spent } of readArchivedSums(db)) sums.begin(peer, earned, spent)
  const checkpoint = readCheckpoint(db) ?? { index: 0, hash: genesisHash(owner) }
  let [read, entries] = [0, 0]
  let last = checkpoint
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
      const isChained = entry.index > checkpoint.index
      const reason =
        (isChained ? checkChain(entry, last) : undefined) ??
        checkEntry(entry, opened[place], settlement, sums)
      const index = isChained ? last.index + 1 : entry.index
      if (reason !== undefined) return { entries, firstBad: { index, reason } }
      if (isChained) last = entry
    }
    await setImmediate()
    signal.throwIfAborted()
  }
}

/** Rows of the derived tables that disagree with the entries, at one moment; `more` if entries arrived since. */
function differingSums(db: DatabaseSync, read: number, sums: Sums): string | undefined {
  db.exec('BEGIN')
  try {
    if (readLastIndex(db) > read) return 'more'
    return sums.differing(readBalances(db), readOpenClaims(db))
  } finally {
    db.exec('ROLLBACK')
  }
}

/** The fault of an entry's place in the chain, or undefined. Entries before a checkpoint have no place. */
function checkChain(entry: KeptEntry, last: { index: number; hash: string }): string | undefined {
  if (entry.index !== last.index + 1) return `it is missing: the next is ${entry.index}`
  if (entryHash(last.hash, entry.index, entry.at, entry) === entry.hash) return undefined
  return 'its hash is not that of its content'
}

/** The fault of an entry by itself, or undefined; adds its changes to `sums`. */
function checkEntry(
  entry: KeptEntry,
  opened: Opened | undefined,
  settlement: Settlement,
  sums: Sums
): string | undefined {
  if (opened === undefined || 'invalid' in opened) return opened?.invalid ?? 'it was not verified'
  let settled: Settled
  try {
    settled = settlement.settle(entry.index, opened)
  } catch (err) {
    // SQLite's errors concern the file, not the entry.
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
