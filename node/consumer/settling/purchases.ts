import QuickLRU from 'quick-lru'
import type { Transcript } from '../../../protocols/index.ts'
import { AnswerMemory } from './answer-bounds.ts'
import type { TokenCounts } from '../../tokens/index.ts'
import type { Purchase } from './purchase.ts'

/** Answers that broke off and are remembered by what they delivered. */
const MAX_BROKEN = 256

/** Orders that are remembered for what is owed of them at most: an id each. */
const MAX_LIMITED = 4096

/** The debt of an order beyond its acknowledged receipts: nothing, or its prompt alone. */
export type Limit = 'nothing' | 'prompt'

/** The purchases under way, and those whose answer broke off before its final receipt. */
export class Purchases {
  /** Memory of their answers. */
  readonly memory = new AnswerMemory()
  readonly #running = new Set<string>()
  /** Their deliveries, without the purchases, whose documents may have 64 MiB each. */
  readonly #broken = new QuickLRU<string, Transcript>({ maxSize: MAX_BROKEN })
  /** The most tokens that they can be billed for. */
  readonly #most = new QuickLRU<string, TokenCounts>({ maxSize: MAX_LIMITED })
  readonly #limits = new QuickLRU<string, Limit>({ maxSize: MAX_LIMITED })

  begin(purchase: Purchase): void {
    this.#running.add(purchase.id)
  }

  /**
   * Takes a purchase whose stream is over; returns whether it broke off. A contributor that ends an answer with an error
   * forfeits what is not acknowledged; before the first delta only a consumer that cancels owes anything, the prompt.
   */
  async end(purchase: Purchase, endedBy: 'contributor' | 'other'): Promise<boolean> {
    const whole = await purchase.settled().then(
      () => true,
      () => false
    )
    const unseen = !purchase.carried
    // Where nothing is owed, or all is settled, there is nothing to count.
    const counts = !whole && endedBy !== 'contributor' && (!unseen || purchase.cancelled)
    if (counts) this.#most.set(purchase.id, await purchase.mostTokens())
    this.#running.delete(purchase.id)
    purchase.bounds.release()
    if (whole) return false
    if (endedBy === 'contributor') this.#limits.set(purchase.id, 'nothing')
    else if (unseen) this.#limits.set(purchase.id, purchase.cancelled ? 'prompt' : 'nothing')
    // Where nothing was delivered, such as by a busy contributor, there is nothing to compare a claim with.
    if (purchase.transcript.deltas > 0) this.#broken.set(purchase.id, purchase.transcript)
    return true
  }

  /** Whether an order is still being answered. */
  running(order: string): boolean {
    return this.#running.has(order)
  }

  /** The delivery of an order whose answer broke off, if it is remembered. */
  broken(order: string): Transcript | undefined {
    return this.#broken.get(order)
  }

  /** The most tokens that an order whose answer broke off can be billed for, where that is remembered. */
  most(order: string): TokenCounts | undefined {
    return this.#most.get(order)
  }

  /** The most that is owed for an order whose answer broke off, if that is remembered and limited. */
  limit(order: string): Limit | undefined {
    return this.#limits.get(order)
  }

  /** Forgets a purchase: it is settled after all. */
  settle(order: string): void {
    this.#broken.delete(order)
  }
}
