import type { DatabaseSync, StatementSync } from 'node:sqlite'

const DAY_MS = 86_400_000

/** The most that may be accepted unseen in a day, in micro-credits. */
export interface UnseenBounds {
  /** Of all contributors together. */
  all: number
  /** Of one contributor. */
  each: number
}

/** Keeps what was accepted unseen in the last day, so that a restart forgives nothing. */
export class Unseen {
  readonly #forget: StatementSync
  readonly #sums: StatementSync
  readonly #take: StatementSync

  constructor(db: DatabaseSync) {
    // Either way: what a clock of the future wrote must not count for ever.
    this.#forget = db.prepare('DELETE FROM unseen WHERE abs(at - ?) >= ?')
    this.#sums = db.prepare(
      'SELECT total(credits) AS all_sum, total(credits) FILTER (WHERE peer = ?) AS each_sum FROM unseen'
    )
    this.#take = db.prepare('INSERT INTO unseen (at, peer, credits) VALUES (?, ?, ?)')
  }

  /** Takes micro-credits of a contributor's claim; false, and nothing kept, where that is over what a day allows. */
  take(peer: string, credits: number, at: number, { all, each }: UnseenBounds): boolean {
    this.#forget.run(at, DAY_MS)
    const sums = this.#sums.get(peer)
    if (Number(sums?.all_sum) + credits > all || Number(sums?.each_sum) + credits > each) return false
    this.#take.run(at, peer, credits)
    return true
  }
}
