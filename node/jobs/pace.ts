import { FIRST_CONCURRENCY, HALVING_INTERVAL_MS } from './constants.ts'

/** How many lines run at once: grows by one for each round of answers, and halves where peers refuse for want of slots. */
export class Pace {
  readonly #most: number
  readonly #now: () => number
  #limit: number
  #halvedAt = -Infinity

  /** `now` counts milliseconds, and never goes back. */
  constructor(most: number, now: () => number = () => performance.now()) {
    this.#most = most
    this.#now = now
    this.#limit = Math.min(FIRST_CONCURRENCY, most)
  }

  get limit(): number {
    return Math.max(1, Math.floor(this.#limit))
  }

  answered(): void {
    this.#limit = Math.min(this.#most, this.#limit + 1 / this.#limit)
  }

  refused(): void {
    // Lines that were under way together are refused together: once is enough.
    if (this.#now() - this.#halvedAt < HALVING_INTERVAL_MS) return
    this.#halvedAt = this.#now()
    this.#limit = Math.max(1, this.#limit / 2)
  }
}
