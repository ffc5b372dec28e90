import QuickLRU from 'quick-lru'
import { DEBT_LIMIT_TOKENS, MAX_DEBTORS, QUANTUM_TOKENS } from './constants.ts'

/** Whose work it is, and how much of the engine they get beside others. */
export interface Share {
  id: string
  /** Twice the weight is twice the tokens. */
  weight: number
  /** Those of one group share one weight: as many keys as one person makes get no more than one. */
  group?: string
}

/** What one of them has waiting, oldest first. */
interface Flow<T> {
  share: Share
  entries: { item: T; cost: number }[]
  /** Tokens that it may take before the next round; below 0 where its answers took more than was expected. */
  deficit: number
  /** Whether it has been given this round's tokens. */
  credited: boolean
}

/**
 * Deficit round robin by tokens: in each round everybody is given tokens by weight, and what waits is taken while they
 * last. Nobody starves, and nobody gets ahead by longer or more requests.
 */
export class FairQueue<T> {
  /** In the order of the round; the first is the current one. */
  readonly #flows = new Map<string, Flow<T>>()
  /** What those owe that have nothing waiting, in tokens. It is forgotten when nobody waits. */
  readonly #debts = new QuickLRU<string, number>({ maxSize: MAX_DEBTORS })

  /** How many wait. */
  get length(): number {
    return this.#flows.values().reduce((sum, { entries }) => sum + entries.length, 0)
  }

  /**
   * Puts an item last among those of its owner; `cost` is what it is expected to take, in tokens. An owner that had nothing
   * waiting comes after the others by what it has `running`.
   */
  push(share: Share, item: T, cost: number, running = 0): void {
    const flow = this.#flows.get(share.id)
    const entry = { item, cost: Math.max(QUANTUM_TOKENS, cost) }
    if (flow !== undefined) flow.entries.push(entry)
    else {
      const deficit = bounded(-(this.#debts.get(share.id) ?? 0) - running)
      this.#debts.delete(share.id)
      this.#flows.set(share.id, { share, entries: [entry], deficit, credited: false })
    }
  }

  /** Takes the next item out; undefined where none waits. */
  shift(): T | undefined {
    for (let passed = 0; ; passed++) {
      const [flow] = this.#flows.values()
      if (flow === undefined) return undefined
      if (passed === this.#flows.size) {
        this.#skipRounds()
        passed = 0
      }
      if (!flow.credited) flow.deficit += this.#quantum(flow)
      flow.credited = true
      const [head] = flow.entries
      if (head !== undefined && head.cost <= flow.deficit) {
        flow.entries.shift()
        flow.deficit -= head.cost
        if (flow.entries.length === 0) this.#retire(flow)
        return head.item
      }
      flow.credited = false
      this.#flows.delete(flow.share.id)
      this.#flows.set(flow.share.id, flow)
    }
  }

  /** Takes an item out before its turn. */
  remove(item: T): void {
    for (const flow of this.#flows.values()) {
      const index = flow.entries.findIndex((entry) => entry.item === item)
      if (index < 0) continue
      flow.entries.splice(index, 1)
      if (flow.entries.length === 0) this.#retire(flow)
      return
    }
  }

  /** Charges an owner so many tokens more than were expected, or gives back those that were not taken. */
  charge(id: string, tokens: number): void {
    const flow = this.#flows.get(id)
    if (flow !== undefined) flow.deficit = bounded(flow.deficit - tokens)
    else if (this.#flows.size > 0) this.#owe(id, bounded(-(this.#debts.get(id) ?? 0) - tokens))
  }

  /** What waits, in the order in which it will be taken if nothing comes. */
  order(): T[] {
    const copy = new FairQueue<T>()
    for (const [id, flow] of this.#flows) copy.#flows.set(id, { ...flow, entries: [...flow.entries] })
    const items: T[] = []
    for (let item = copy.shift(); item !== undefined; item = copy.shift()) items.push(item)
    return items
  }

  /** How many tokens each owner with something waiting has left or owes. */
  get deficits(): ReadonlyMap<string, number> {
    return new Map(this.#flows.values().map(({ share, deficit }) => [share.id, deficit]))
  }

  #retire({ share, deficit }: Flow<T>): void {
    this.#flows.delete(share.id)
    if (this.#flows.size === 0) this.#debts.clear()
    else this.#owe(share.id, deficit)
  }

  #owe(id: string, deficit: number): void {
    if (deficit < 0) this.#debts.set(id, -deficit)
    else this.#debts.delete(id)
  }

  /** Gives all of them the rounds in which nobody's next item would be taken. */
  #skipRounds(): void {
    const flows = [...this.#flows.values()]
    const rounds = flows.map((flow) => ((flow.entries[0]?.cost ?? 0) - flow.deficit) / this.#quantum(flow))
    const skipped = Math.max(0, Math.ceil(Math.min(...rounds)) - 1)
    for (const flow of flows) flow.deficit += skipped * this.#quantum(flow)
  }

  #quantum({ share: { weight, group } }: Flow<T>): number {
    if (group === undefined) return QUANTUM_TOKENS * weight
    const sharing = this.#flows.values().filter(({ share }) => share.group === group)
    return (QUANTUM_TOKENS * weight) / [...sharing].length
  }
}

function bounded(deficit: number): number {
  return Math.max(-DEBT_LIMIT_TOKENS, Math.min(DEBT_LIMIT_TOKENS, deficit))
}
