/** Time between two tokens of a stream, in milliseconds: 20 tokens a second. */
export const TOKEN_INTERVAL_MS = 50

/**
 * Calls each member once an interval, with phases spread evenly, by one timer: a timer for each token would cost
 * more than the token. Late ticks are made up for, so that the rate holds under load.
 */
export class Ticker {
  /** Members by the millisecond of the interval at which they are due. */
  readonly #slots = Array.from({ length: TOKEN_INTERVAL_MS }, () => new Set<() => void>())
  #members = 0
  #next = 0
  #timer: NodeJS.Timeout | undefined

  /** Begins to call a member; the first time within one interval. Returns what ends it. */
  add(member: () => void): () => void {
    const now = Math.floor(performance.now())
    if (this.#members++ === 0) this.#next = now + 1
    const slot = this.#emptiest(now)
    slot.add(member)
    this.#arm()
    return () => {
      if (!slot.delete(member)) return
      this.#members--
      this.#arm()
    }
  }

  /** The slot with the fewest members; of those, the one that is due last. */
  #emptiest(now: number): Set<() => void> {
    let best = this.#slot(now)
    for (let ago = 1; ago < TOKEN_INTERVAL_MS; ago++) {
      const slot = this.#slot(now + TOKEN_INTERVAL_MS - ago)
      if (slot.size < best.size) best = slot
    }
    return best
  }

  #arm(): void {
    clearTimeout(this.#timer)
    if (this.#members === 0) return
    let due = this.#next
    while (this.#slot(due).size === 0) due++
    this.#timer = setTimeout(this.#tick, Math.max(1, due - performance.now()))
  }

  readonly #tick = (): void => {
    for (const now = performance.now(); this.#next <= now; this.#next++) {
      for (const member of this.#slot(this.#next)) member()
    }
    this.#arm()
  }

  #slot(time: number): Set<() => void> {
    return this.#slots[time % TOKEN_INTERVAL_MS]!
  }
}
