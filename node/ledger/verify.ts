import type { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { entryHash, genesisHash, openFields } from './entry.ts'
import type { LedgerEntry, PeerBalance, VerifyReport } from './index.ts'
import { readAfter, readBalances } from './reader.ts'
import { Settlement, type Settled } from './settlement.ts'

/** Entries checked before other calls get their turn: some 20 ms of work. */
const SLICE = 64

type KeptEntry = LedgerEntry & { peer: string }

/** A peer's balance as the entries add up to it, exact at any size. */
type Sum = Record<'earned' | 'spent' | 'claimed', bigint>

/** Checks entries and balances as `README.md` says; rejects with the signal's reason when it fires. */
export async function verifyLedger(
  db: DatabaseSync,
  owner: string,
  signal: AbortSignal
): Promise<VerifyReport> {
  const settlement = new Settlement(db, owner)
  const sums = new Map<string, Sum>()
  let entries = 0
  let hash = genesisHash(owner)
  for (;;) {
    const slice = readSlice(db, entries)
    if (slice.balances !== undefined) {
      const reason = differingBalance(sums, slice.balances)
      return reason === undefined ? { entries } : { entries, firstBad: { index: null, reason } }
    }
    for (const entry of slice.rows) {
      entries++
      const reason = await checkEntry(entry, entries, hash, settlement, sums)
      if (reason !== undefined) return { entries, firstBad: { index: entries, reason } }
      hash = entry.hash
    }
    await setImmediate()
    signal.throwIfAborted()
  }
}

/** The next entries or, after the last, the balances, as they stood at that same moment. */
function readSlice(db: DatabaseSync, after: number): { rows: KeptEntry[]; balances?: PeerBalance[] } {
  db.exec('BEGIN')
  try {
    const rows = readAfter(db, after, SLICE)
    return rows.length > 0 ? { rows } : { rows, balances: readBalances(db) }
  } finally {
    db.exec('ROLLBACK')
  }
}

/** What is wrong with an entry, or undefined; adds what it changes to `sums`. */
async function checkEntry(
  entry: KeptEntry,
  index: number,
  previous: string,
  settlement: Settlement,
  sums: Map<string, Sum>
): Promise<string | undefined> {
  if (entry.index !== index) return `it is missing: the next is ${entry.index}`
  if (entryHash(previous, index, entry.at, entry) !== entry.hash) return 'its hash is not that of its content'
  let settled: Settled
  try {
    const fields = await openFields(entry)
    settled = settlement.settle(index, fields)
    const expected = { ...fields, credits: settled.credits, peer: settled.peer }
    for (const column of ['order', 'consumer', 'contributor', 'seq', 'final', 'credits', 'peer'] as const) {
      if (entry[column] !== expected[column]) return `its ${column} is not that of its payload`
    }
  } catch (err) {
    // What SQLite throws is about the file, not about the entry.
    if (err instanceof Error && 'errcode' in err) throw err
    return err instanceof Error ? err.message : String(err)
  }
  const sum = sums.get(settled.peer) ?? { earned: 0n, spent: 0n, claimed: 0n }
  sum.earned += BigInt(settled.earned)
  sum.spent += BigInt(settled.spent)
  sum.claimed += BigInt(settled.claimed)
  sums.set(settled.peer, sum)
  return undefined
}

function differingBalance(sums: Map<string, Sum>, balances: PeerBalance[]): string | undefined {
  for (const { peer, earned, spent, claimed } of balances) {
    const sum = sums.get(peer)
    sums.delete(peer)
    if (
      sum &&
      Number(sum.earned) === earned &&
      Number(sum.spent) === spent &&
      Number(sum.claimed) === claimed
    )
      continue
    return `the balance with ${peer} is not what the entries add up to`
  }
  const [missing] = sums.keys()
  return missing === undefined ? undefined : `the balance with ${missing} is missing`
}
