import { CLOCK_SKEW_MS, type Order } from '../../../protocols/index.ts'

/**
 * Orders that could be placed once more: older ones are refused for their age. The ledger knows them too, for ever,
 * but answers when its disk is ready; these are refused before the engine begins.
 */
export class RecentOrders {
  /** When each is too old, in milliseconds since 1970; nearly in that order. */
  readonly #expiries = new Map<string, number>()

  has(id: string): boolean {
    return this.#expiries.has(id)
  }

  add({ id, issuedAt }: Order, now: number): void {
    for (const [oldest, expiry] of this.#expiries) {
      if (expiry >= now) break
      this.#expiries.delete(oldest)
    }
    this.#expiries.set(id, issuedAt + CLOCK_SKEW_MS)
  }
}
