import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { entryHash, genesisHash, readFields, type EntryFields } from './entry.ts'
import { LedgerConflictError, LedgerError, toMessage, type ErrorMessage } from './errors.ts'
import { Claims } from './claims.ts'
import type { LedgerRecord, PeerBalance } from './index.ts'
import { readBalances } from './reader.ts'
import { Settlement } from './settlement.ts'
import { Unseen, type UnseenBounds } from './unseen.ts'

/** One call of `append`: kept as a whole or not at all. */
export interface Append {
  /** Milliseconds since 1970. */
  at: number
  records: LedgerRecord[]
}

/** The result of a group of appends. */
export interface GroupResult {
  /** For each append why it was refused, or null when it is on disk. */
  refusals: (ErrorMessage | null)[]
  /** The balances that changed. */
  balances: PeerBalance[]
}

/** Writes groups of appends, each group in one transaction. */
export class Writer {
  readonly #db: DatabaseSync
  readonly #settlement: Settlement
  readonly #genesis: string
  readonly #last: StatementSync
  readonly #archived: StatementSync
  readonly #same: StatementSync
  readonly #insert: StatementSync
  readonly #addPeer: StatementSync
  readonly #settle: StatementSync
  readonly #claims: Claims
  readonly #unseen: Unseen

  constructor(db: DatabaseSync, owner: string) {
    this.#db = db
    this.#settlement = new Settlement(db, owner)
    this.#genesis = genesisHash(owner)
    this.#last = db.prepare('SELECT idx, hash FROM entries ORDER BY idx DESC LIMIT 1')
    this.#archived = db.prepare('SELECT 1 FROM archived_orders WHERE order_id = ?')
    this.#same = db.prepare(
      'SELECT payload FROM entries WHERE order_id = ? AND kind = ? AND ifnull(seq, -1) = ifnull(?, -1)'
    )
    this.#insert = db.prepare(
      `INSERT INTO entries (
        idx, at, kind, order_id, consumer, contributor, peer_id, seq, final, credits, payload, signature, hash
      ) VALUES (?, ?, ?, ?, ?, ?, (SELECT id FROM peers WHERE peer = ?), ?, ?, ?, ?, ?, ?)`
    )
    this.#claims = new Claims(db)
    this.#unseen = new Unseen(db)
    this.#addPeer = db.prepare('INSERT INTO peers (peer) VALUES (?) ON CONFLICT DO NOTHING')
    this.#settle = db.prepare(
      'UPDATE peers SET earned = earned + ?, spent = spent + ?, claimed = claimed + ? WHERE peer = ?'
    )
  }

  /** Notes what a peer says against a claim of this node's. */
  dispute(order: string, peer: string, reason: string): void {
    this.#claims.dispute(order, peer, reason)
  }

  /** Takes what is accepted unseen of a peer's claim; false where that is over what a day allows. */
  takeUnseen(peer: string, credits: number, at: number, bounds: UnseenBounds): boolean {
    return this.#unseen.take(peer, credits, at, bounds)
  }

  /** Resolves each append on its own; throws only when none of the group could be written. */
  write(appends: Append[]): GroupResult {
    const peers = new Set<string>()
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const refusals = appends.map((append) => this.#append(append, peers))
      const balances = readBalances(this.#db, [...peers])
      this.#db.exec('COMMIT')
      return { refusals, balances }
    } catch (err) {
      // SQLite has rolled back by itself after some failures, such as a full disk.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw err
    }
  }

  #append({ at, records }: Append, peers: Set<string>): ErrorMessage | null {
    this.#db.exec('SAVEPOINT append')
    try {
      for (const record of records) this.#keep(at, record, peers)
      this.#db.exec('RELEASE append')
      return null
    } catch (err) {
      if (!(err instanceof LedgerError)) throw err
      this.#db.exec('ROLLBACK TO append; RELEASE append')
      return toMessage(err)
    }
  }

  #keep(at: number, entry: LedgerRecord, peers: Set<string>): void {
    const fields = readFields(entry)
    // Settled and archived records are in the archive.
    if (this.#archived.get(fields.order) !== undefined || this.#isKept(entry, fields)) return
    const last = this.#last.get()
    const index = Number(last?.idx ?? 0) + 1
    const settled = this.#settlement.settle(index, fields)
    this.#addPeer.run(settled.peer)
    this.#insert.run(
      index,
      at,
      entry.kind,
      fields.order,
      fields.consumer,
      fields.contributor,
      settled.peer,
      fields.seq,
      fields.final === null ? null : Number(fields.final),
      settled.credits,
      entry.record.payload,
      entry.record.signature,
      entryHash(last === undefined ? this.#genesis : String(last.hash), index, at, entry)
    )
    // As integers: a number is bound as a float, and sums of floats are not exact above 2^53.
    this.#settle.run(BigInt(settled.earned), BigInt(settled.spent), BigInt(settled.claimed), settled.peer)
    if (settled.standing !== undefined) this.#claims.keep(fields.order, settled.peer, settled.standing)
    peers.add(settled.peer)
  }

  #isKept({ kind, record }: LedgerRecord, { order, seq }: EntryFields): boolean {
    const kept = this.#same.get(order, kind, seq)
    if (kept === undefined) return false
    if (kept.payload === record.payload) return true
    const name = seq === null ? kind : `${kind} ${seq}`
    throw new LedgerConflictError(
      `The ledger already holds another ${name} of order ${order}: its signer signed two`
    )
  }
}
