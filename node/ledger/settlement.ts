import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { sha256 } from '../../protocols/records/index.ts'
import type { EntryFields } from './entry.ts'
import { LedgerConflictError, LedgerRecordError } from './errors.ts'

/** By how much an entry changes what this node and its peer have between them, in micro-credits. */
export interface Settled {
  /** The other party. */
  peer: string
  /** Amount of the entry; null for orders. */
  credits: number | null
  earned: number
  spent: number
  claimed: number
  /** How the order stands after the entry, where this node serves it. */
  standing?: Claim
}

/** An open claim of this node: the latest receipt of an order, and its amount beyond the acknowledged one. */
export interface Claim {
  /** The latest receipt's number. */
  seq: number
  /** Micro-credits; 0 also where the latest receipt comes to no more than the one acknowledged. */
  credits: number
  /** Whether the latest receipt waits for its acknowledgement. */
  open: boolean
}

interface Standing {
  seq: number
  credits: number
}

const NOTHING: Standing = { seq: -1, credits: 0 }

/**
 * Tells what an entry changes, from the entries before it alone: so `append` and `verify` share one rule.
 * The receipt with an order's highest number counts, and so does its highest acknowledgement.
 */
export class Settlement {
  readonly #owner: string
  readonly #parties: StatementSync
  readonly #receipt: StatementSync
  readonly #highest: StatementSync

  constructor(db: DatabaseSync, owner: string) {
    this.#owner = owner
    this.#parties = db.prepare(
      'SELECT consumer, contributor FROM entries WHERE order_id = ? AND idx < ? LIMIT 1'
    )
    this.#receipt = db.prepare(
      "SELECT credits, payload FROM entries WHERE order_id = ? AND kind = 'receipt' AND ifnull(seq, -1) = ? AND idx < ?"
    )
    this.#highest = db.prepare(
      'SELECT seq, credits FROM entries WHERE order_id = ? AND kind = ? AND idx < ? ORDER BY ifnull(seq, -1) DESC LIMIT 1'
    )
  }

  /** The changes that the entry at `index` makes. Throws LedgerConflictError and LedgerRecordError. */
  settle(index: number, fields: EntryFields): Settled {
    const settled: Settled = { peer: this.#peer(fields), credits: null, earned: 0, spent: 0, claimed: 0 }
    this.#checkParties(index, fields)
    if (fields.seq === null) return settled

    const receipt = this.#standing(index, fields.order, 'receipt')
    const acknowledged = this.#standing(index, fields.order, 'acknowledgement')
    let [newReceipt, newAcknowledged] = [receipt, acknowledged]
    settled.credits = fields.credits ?? this.#creditsAcknowledged(index, fields)
    const standing = { seq: fields.seq, credits: settled.credits }
    if (fields.kind === 'receipt' && fields.seq > receipt.seq) newReceipt = standing
    if (fields.kind === 'acknowledgement' && fields.seq > acknowledged.seq) newAcknowledged = standing

    const counted = newAcknowledged.credits - acknowledged.credits
    if (fields.contributor === this.#owner) {
      settled.earned = counted
      const credits = claim(newReceipt, newAcknowledged)
      settled.claimed = credits - claim(receipt, acknowledged)
      settled.standing = { seq: newReceipt.seq, credits, open: newReceipt.seq > newAcknowledged.seq }
    } else {
      settled.spent = counted
    }
    return settled
  }

  #peer({ kind, consumer, contributor }: EntryFields): string {
    if (consumer !== contributor) {
      if (consumer === this.#owner) return contributor
      if (contributor === this.#owner) return consumer
    }
    throw new LedgerRecordError(`The ${kind} does not involve ${this.#owner} and one other peer`)
  }

  #checkParties(index: number, { kind, order, consumer, contributor }: EntryFields): void {
    const kept = this.#parties.get(order, index)
    if (kept === undefined || (kept.consumer === consumer && kept.contributor === contributor)) return
    throw new LedgerConflictError(`The ${kind} of order ${order} names other peers than earlier records`)
  }

  #creditsAcknowledged(index: number, { order, seq, receiptHash }: EntryFields): number {
    const kept = this.#receipt.get(order, seq, index)
    if (kept === undefined) {
      throw new LedgerRecordError(
        `Receipt ${seq ?? ''} of order ${order} is acknowledged but not kept: keep it first`
      )
    }
    if (sha256(String(kept.payload)) !== receiptHash) {
      throw new LedgerConflictError(
        `The acknowledgement of order ${order} is of another receipt ${seq ?? ''} than kept`
      )
    }
    return Number(kept.credits)
  }

  #standing(index: number, order: string, kind: EntryFields['kind']): Standing {
    const row = this.#highest.get(order, kind, index)
    return row === undefined ? NOTHING : { seq: Number(row.seq), credits: Number(row.credits) }
  }
}

function claim(receipt: Standing, acknowledged: Standing): number {
  return Math.max(0, receipt.credits - acknowledged.credits)
}
