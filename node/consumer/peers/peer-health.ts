/** Consecutive failures after which a peer is left out (the original Lobstah's rule). */
const MAX_FAILURES = 2

/** For how long, in milliseconds (the original Lobstah's rule). */
const EXCLUSION_MS = 30_000

/** Answers whose times are remembered. */
const REMEMBERED_TIMES = 21

/** Codes of failures that say nothing against the contributor. */
export const NO_FAULT = new Set([
  'busy',
  'bad_request',
  'unsupported_parameter',
  'context_length_exceeded',
  'credit_exhausted',
  'ledger_failed',
  'not_allowed',
  'model_not_found',
  'shutting_down'
])

/** What this node has seen of one contributor's service. */
export class PeerHealth {
  answered = 0
  failed = 0
  #consecutiveFailures = 0
  #excludedUntil = 0
  #firstTokenTimes: number[] = []

  /** Whether the peer is left out at `now`, in milliseconds since 1970. */
  excluded(now: number): boolean {
    // Never for longer, also where the clock was set back.
    return now < this.#excludedUntil && this.#excludedUntil - now <= EXCLUSION_MS
  }

  success(): void {
    this.answered++
    this.#consecutiveFailures = 0
    this.#excludedUntil = 0
  }

  failure(now: number): void {
    this.failed++
    if (++this.#consecutiveFailures >= MAX_FAILURES) this.#excludedUntil = now + EXCLUSION_MS
  }

  firstToken(ms: number): void {
    this.#firstTokenTimes = [...this.#firstTokenTimes, ms].slice(-REMEMBERED_TIMES)
  }

  /** Median time to the first token of the latest answers, in milliseconds; null before the first. */
  get firstTokenMs(): number | null {
    const sorted = this.#firstTokenTimes.toSorted((a, b) => a - b)
    return sorted[Math.floor(sorted.length / 2)] ?? null
  }
}
