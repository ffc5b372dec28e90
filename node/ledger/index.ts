/**
 * @packageDocumentation
 *
 * The append-only, hash-chained log of the orders, receipts and acknowledgements that this node signed or
 * was given, and the balances that follow from it.
 *
 * @example
 * ```ts
 * import { ledger } from './index.ts'
 *
 * const book = ledger({ file: 'ledger.sqlite' })({ peer: '12D3KooW…' })
 * await book.start()
 * await book.append([{ kind: 'order', record }])
 * console.log(await book.balance())
 * await book.stop()
 * ```
 */
import type { Startable } from '@libp2p/interface'
import type { SignedRecord } from '../../protocols/records/index.ts'
import { SqliteLedger } from './ledger.ts'
import type { UnseenBounds } from './unseen.ts'

export * from './archive.ts'
export * from './errors.ts'

export interface LedgerInit {
  /** Path of the database. */
  file: string
  /** Reads a ledger that another program may be writing; never makes or changes the file. @default false */
  readOnly?: boolean
}

export interface LedgerComponents {
  /** This node's peer id: tells whether a record was earned or spent. */
  peer: string
  /** Milliseconds since 1970. @default Date.now */
  now?: () => number
  /** Told of every transaction: how many appends it held. */
  onGroup?: (appends: number) => void
}

/** A record to be kept. It has been verified already; the ledger takes its fields from the payload. */
export interface LedgerRecord {
  kind: 'order' | 'receipt' | 'acknowledgement'
  record: SignedRecord
}

/** A record as it is kept. */
export interface LedgerEntry extends LedgerRecord {
  /** 1 for the first entry, without gaps. */
  index: number
  /** When it was written, in milliseconds since 1970. */
  at: number
  order: string
  consumer: string
  contributor: string
  /** The receipt's number, for receipts and acknowledgements. */
  seq: number | null
  /** Whether the receipt is its order's last one; null for other kinds. */
  final: boolean | null
  /** Amount of the receipt, or of the one acknowledged, in micro-credits; null for orders. */
  credits: number | null
  /** SHA-256 over the entry before and this one, base64url. */
  hash: string
}

/** The balance between this node and one peer, in micro-credits. */
export interface PeerBalance {
  peer: string
  /** Acknowledged by the peer for this node's work. */
  earned: number
  /** Acknowledged by this node for the peer's work. */
  spent: number
  /** Receipts of this node's that the peer has not acknowledged (yet). */
  claimed: number
  /** `earned - spent`. */
  net: number
  /** The part of `claimed` that the peer disputes; absent if it disputes nothing. */
  disputed?: number
}

export interface Balance {
  earned: number
  spent: number
  claimed: number
  net: number
  peers: PeerBalance[]
}

export interface LedgerListOptions {
  /** @default 100 */
  limit?: number
  /** Only entries before this index, newest first. */
  before?: number
  order?: string
  peer?: string
}

/** An order as it stands. */
export interface Deal {
  order: LedgerEntry
  /** The latest receipt. */
  receipt: LedgerEntry | null
  /** The latest acknowledgement, and the receipt that it is of. */
  acknowledgement: LedgerEntry | null
  acknowledged: LedgerEntry | null
  /** The consumer's dispute of this node's claim, until it acknowledges the claim. */
  dispute: string | null
}

export interface DealListOptions {
  /** @default 100 */
  limit?: number
  /** Only orders after this index. */
  after?: number
  order?: string
  peer?: string
}

export interface EarningsOptions {
  /** Where each period begins, in milliseconds since 1970, oldest first; the last one is open. */
  starts: number[]
  /** @default all together */
  by?: 'model' | 'peer'
}

/** Earnings from peers' orders in a period, together or by model or peer. */
export interface EarningsRow {
  /** Where the period begins. */
  from: number
  /** The model or peer; empty for all together. */
  key: string
  orders: number
  promptTokens: number
  completionTokens: number
  /** Micro-credits that were acknowledged in the period. */
  earned: number
  /** Micro-credits of the period's receipts that are not acknowledged yet. */
  claimed: number
  /** Sum of the times of all answers, and the time in which at least one ran, in milliseconds. */
  answerMs: number
  busyMs: number
}

export interface VerifyReport {
  /** How many were checked: all of them, or those up to the first bad one. */
  entries: number
  /** The first entry that is not as it was written, with the reason; null when it is a peer's balance. */
  firstBad?: { index: number | null; reason: string }
}

export interface Ledger extends Startable {
  /**
   * Keeps records, all or none; resolves when they are on disk. Records that are already stored are not stored again. Throws
   * LedgerConflictError, LedgerRecordError, LedgerFullError, LedgerClosedError and the other LedgerErrors.
   */
  append(records: LedgerRecord[]): Promise<void>
  /** Whether an order with this id was ever kept. */
  hasOrder(id: string): Promise<boolean>
  /**
   * The debt of `peer` to this node in micro-credits, unacknowledged claims included: from memory, and of this
   * moment; of the moment of `start` when opened for reading only.
   */
  owedBy(peer: string): number
  /**
   * The total debt of those peers, like `owedBy`, with `also` added to what each owes; peers that owe nothing then are
   * left out.
   */
  owedTogether(of: (peer: string) => boolean, also?: ReadonlyMap<string, number>): number
  balance(): Promise<Balance>
  /** Newest first. */
  list(options?: LedgerListOptions): Promise<LedgerEntry[]>
  /** Orders with their latest records, oldest first. */
  deals(options?: DealListOptions): Promise<Deal[]>
  /** This node's unacknowledged claims on `peer`, by order id, after the given one. */
  claims(peer: string, options: { after: string; limit: number }): Promise<Deal[]>
  /** Notes what `peer` says against this node's claim for an order; forgotten when it acknowledges. */
  dispute(order: string, peer: string, reason: string): Promise<void>
  /**
   * Notes that so many micro-credits of `peer`'s claims are accepted unseen; false, and nothing noted, where that is
   * over what a day allows.
   */
  takeUnseen(peer: string, credits: number, bounds: UnseenBounds): Promise<boolean>
  /** Earnings from peers' orders in each period; appends go on meanwhile. Archived orders are not in it. */
  earnings(options: EarningsOptions): Promise<EarningsRow[]>
  /** Writes a copy of the ledger, as it stands, to a file that is not there yet; appends go on meanwhile. */
  backup(file: string): Promise<void>
  /** Recomputes the chain and the balances, and verifies every signature; appends go on meanwhile. */
  verify(): Promise<VerifyReport>
}

/** A ledger in an SQLite file. */
export function ledger(init: LedgerInit): (components: LedgerComponents) => Ledger {
  return (components) => new SqliteLedger(init, components)
}
