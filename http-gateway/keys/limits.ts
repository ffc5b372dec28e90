import { canonicalModelName } from '../../protocols/inference/index.ts'
import { ModelNotAllowedError, RateLimitedError, SpendingLimitError } from './errors.ts'
import type { Caller } from './key-ring.ts'
import type { Spending } from './spending.ts'

const MINUTE_MS = 60_000

/** A minute's permits that refill evenly. */
interface Bucket {
  permits: number
  at: number
}

/** Holds each key to its models, its requests per minute and its spending per day. */
export class Limits {
  readonly #spending: Spending
  readonly #buckets = new Map<string, Bucket>()
  readonly #now: () => number

  /** `now` counts milliseconds, and never goes back. */
  constructor(spending: Spending, now: () => number = () => performance.now()) {
    this.#spending = spending
    this.#now = now
  }

  /**
   * Takes one request of a key's. Throws ModelNotAllowedError, SpendingLimitError or RateLimitedError. A
   * request is let in while anything is left to spend: what it costs is known as its receipts come.
   */
  enter(caller: Caller, ...names: readonly string[]): void {
    const permits = this.check(caller, ...names)
    if (permits !== undefined) this.#buckets.set(caller.name, { permits: permits - 1, at: this.#now() })
  }

  /** Throws what {@link Limits.enter} would, and takes nothing. Returns the key's permits, if it has a rate. */
  check(caller: Caller, ...names: readonly string[]): number | undefined {
    const { name, perMinute } = caller
    // Of the models that `auto` stands for, those are taken that the key may ask for.
    if (!mayAsk(caller, names) && !names.includes('auto'))
      throw new ModelNotAllowedError(name, names[0] ?? '')
    this.checkSpending(caller)
    return perMinute === undefined ? undefined : this.#permits(name, perMinute)
  }

  /** Throws SpendingLimitError where a key has nothing left to spend. */
  checkSpending({ name, spendPerDay }: Caller): void {
    if (spendPerDay === undefined) return
    const spent = this.#spending.of(name)
    if (spent >= spendPerDay) throw new SpendingLimitError(name, spent, spendPerDay)
  }

  /** Counts what a receipt of a key's answer adds, in micro-credits. */
  spent(caller: Caller, microCredits: number): void {
    this.#spending.add(caller.name, microCredits)
  }

  /** The permits of a key, at least one. Throws RateLimitedError. */
  #permits(name: string, perMinute: number): number {
    const now = this.#now()
    const { permits, at } = this.#buckets.get(name) ?? { permits: perMinute, at: now }
    const refilled = Math.min(perMinute, permits + ((now - at) * perMinute) / MINUTE_MS)
    if (refilled < 1) {
      const waitMs = ((1 - refilled) * MINUTE_MS) / perMinute
      throw new RateLimitedError(`The API key ${name} may make ${perMinute} requests a minute`, waitMs)
    }
    return refilled
  }
}

/** Whether a key may ask for a model by any of the names that it goes by. */
export function mayAsk({ models }: Caller, names: readonly string[]): boolean {
  if (models === undefined) return true
  const wanted = new Set(names.map(canonicalModelName))
  return models.some((allowed) => wanted.has(canonicalModelName(allowed)))
}
