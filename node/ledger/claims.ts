import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Claim } from './settlement.ts'

/** Keeps the table of claims, which says without a search what this node's peers have not acknowledged. */
export class Claims {
  readonly #open: StatementSync
  readonly #close: StatementSync
  readonly #dispute: StatementSync

  constructor(db: DatabaseSync) {
    this.#open = db.prepare(
      `INSERT INTO claims (order_id, peer_id, seq, credits) VALUES (?, (SELECT id FROM peers WHERE peer = ?), ?, ?)
      ON CONFLICT (order_id) DO UPDATE SET seq = excluded.seq, credits = excluded.credits`
    )
    this.#close = db.prepare('DELETE FROM claims WHERE order_id = ?')
    this.#dispute = db.prepare(
      // One that was said before changes nothing, and so costs no sync of the disk.
      `UPDATE claims SET dispute = ?1 WHERE order_id = ?2 AND dispute IS NOT ?1
      AND peer_id = (SELECT id FROM peers WHERE peer = ?3)`
    )
  }

  /** Notes how an order stands after an entry. */
  keep(order: string, peer: string, { open, seq, credits }: Claim): void {
    if (open) this.#open.run(order, peer, seq, credits)
    else this.#close.run(order)
  }

  /** Notes what a peer says against a claim. */
  dispute(order: string, peer: string, reason: string): void {
    this.#dispute.run(reason, order, peer)
  }
}
