import QuickLRU from 'quick-lru'
import type { Transcript } from '../../../protocols/index.ts'
import type { Purchase } from './purchase.ts'

/** Answers that broke off and are remembered by what they delivered. */
const MAX_BROKEN = 256

/** Orders that are remembered for what their contributor has forfeited: an id each. */
const MAX_FORFEITED = 4096

/** The purchases under way, and those whose answer broke off before its final receipt. */
export class Purchases {
  readonly #running = new Set<string>()
  /** What they delivered, without the purchases themselves: their documents may have 64 MiB each. */
  readonly #broken = new QuickLRU<string, Transcript>({ maxSize: MAX_BROKEN })

  /** Orders of which nothing beyond the acknowledged receipts is owed. */
  readonly #forfeited = new QuickLRU<string, true>({ maxSize: MAX_FORFEITED })

  begin(purchase: Purchase): void {
    this.#running.add(purchase.id)
  }

  /**
   * Takes a purchase whose stream is over; returns whether it broke off. `endedBy` tells who ended it: of an answer that
   * its contributor ended, or that was lost before its first delta, no more is owed than was acknowledged.
   */
  async end(purchase: Purchase, endedBy: 'consumer' | 'contributor' | 'loss'): Promise<boolean> {
    const whole = await purchase.settled().then(
      () => true,
      () => false
    )
    this.#running.delete(purchase.id)
    if (whole) return false
    const unseen = purchase.transcript.deltas === 0
    if (endedBy === 'contributor' || (endedBy === 'loss' && unseen)) this.#forfeited.set(purchase.id, true)
    // Where nothing was delivered, such as by a busy contributor, there is nothing to compare a claim with.
    if (purchase.transcript.deltas > 0) this.#broken.set(purchase.id, purchase.transcript)
    return true
  }

  /** Whether an order is still being answered. */
  running(order: string): boolean {
    return this.#running.has(order)
  }

  /** What was delivered for an order whose answer broke off, where it is remembered. */
  broken(order: string): Transcript | undefined {
    return this.#broken.get(order)
  }

  /** Whether the contributor has forfeited what no acknowledged receipt covers. */
  forfeited(order: string): boolean {
    return this.#forfeited.has(order)
  }

  /** Forgets a purchase: it is settled after all. */
  settle(order: string): void {
    this.#broken.delete(order)
  }
}
