import { TIERS } from '../../../protocols/index.ts'
import { QUANTUM_TOKENS } from './constants.ts'
import { FairQueue } from './fair-queue.ts'
import type { Waiter } from './ticket.ts'

/** Those that wait for a slot: tier by tier, and in each the node's own before the others. */
export class Waiting {
  readonly all = new Set<Waiter>()
  readonly #queues = TIERS.flatMap(() => [new FairQueue<Waiter>(), new FairQueue<Waiter>()])
  #order: Waiter[] | undefined

  /** `running`: those that hold a slot. */
  add(waiter: Waiter, running: Iterable<Waiter> = []): void {
    this.#order = undefined
    this.all.add(waiter)
    const { share, tier, own } = waiter
    const held = [...running].filter(
      (other) => other.share.id === share.id && other.tier === tier && other.own === own
    )
    const work = held.reduce((sum, other) => sum + Math.max(QUANTUM_TOKENS, other.work), 0)
    this.#queueOf(waiter).push(share, waiter, waiter.work, work)
  }

  remove(waiter: Waiter): void {
    this.#order = undefined
    if (this.all.delete(waiter)) this.#queueOf(waiter).remove(waiter)
  }

  /** Takes the next one out. */
  shift(): Waiter | undefined {
    this.#order = undefined
    for (const queue of this.#queues) {
      const waiter = queue.shift()
      if (waiter === undefined) continue
      this.all.delete(waiter)
      return waiter
    }
    return undefined
  }

  /** Corrects what a request was expected to take. */
  charge(waiter: Waiter, tokens: number): void {
    this.#order = undefined
    this.#queueOf(waiter).charge(waiter.share.id, tokens)
  }

  /** In the order in which they get slots if nobody else comes. */
  get order(): readonly Waiter[] {
    return (this.#order ??= this.#queues.flatMap((queue) => queue.order()))
  }

  /** Place in that order, from 1; 0 for one that does not wait. */
  position(waiter: Waiter): number {
    return this.all.has(waiter) ? this.order.indexOf(waiter) + 1 : 0
  }

  #queueOf({ tier, own }: Waiter): FairQueue<Waiter> {
    const queue = this.#queues[TIERS.indexOf(tier) * 2 + (own ? 0 : 1)]
    if (queue === undefined) throw new RangeError(tier)
    return queue
  }
}
