import type { Purchase } from './purchase.ts'

/** Purchases whose answer broke off that are remembered with what they delivered. */
const MAX_BROKEN = 256

/** The purchases under way, and those whose answer broke off before its final receipt. */
export class Purchases {
  readonly #running = new Set<string>()
  readonly #broken = new Map<string, Purchase>()

  begin(purchase: Purchase): void {
    this.#running.add(purchase.id)
  }

  /** Takes a purchase whose stream is over; returns whether it broke off. */
  async end(purchase: Purchase): Promise<boolean> {
    const whole = await purchase.settled().then(
      () => true,
      () => false
    )
    this.#running.delete(purchase.id)
    if (whole) return false
    this.#broken.set(purchase.id, purchase)
    const [oldest] = this.#broken.keys()
    if (this.#broken.size > MAX_BROKEN && oldest !== undefined) this.#broken.delete(oldest)
    return true
  }

  /** Whether an order is still being answered. */
  running(order: string): boolean {
    return this.#running.has(order)
  }

  /** The purchase of an order whose answer broke off, where it is remembered. */
  broken(order: string): Purchase | undefined {
    return this.#broken.get(order)
  }

  /** Forgets a purchase: it is settled after all. */
  settle(order: string): void {
    this.#broken.delete(order)
  }
}
