/** Consecutive failures after which a peer is left out (the original Lobstah's rule). */
const MAX_FAILURES = 2

/** For how long, in milliseconds (the original Lobstah's rule); a peer that never answered, twice as long each time. */
const EXCLUSION_MS = 30_000

/** Longest exclusion, in milliseconds. */
const LONGEST_EXCLUSION_MS = 3_600_000

/** For how long a refusal counts, in milliseconds: a busy peer is free again some time. */
const REFUSAL_AGE_MS = 300_000

/** Refusals in a row after which a peer that has answered before sinks, too. */
const MANY_REFUSALS = 8

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

/** Refusals that say nothing of the peer: its prompt was too long, or this node's disk is full. */
const NO_EVASION = new Set(['context_length_exceeded', 'ledger_failed'])

/**
 * How a peer has done: `proven` has answered; `unproven` was not asked yet; `evasive` was, and has only refused or
 * failed, lately.
 */
export type Standing = 'proven' | 'unproven' | 'evasive'

/** What this node has seen of one contributor's service. */
export class PeerHealth {
  answered = 0
  failed = 0
  #consecutiveFailures = 0
  #excludedUntil = 0
  #refusals = 0
  #refusedAt = -Infinity
  #firstTokenTimes: number[] = []

  /** Whether the peer is left out at `now`, in milliseconds since 1970. */
  excluded(now: number): boolean {
    // Never for longer, also where the clock was set back.
    return now < this.#excludedUntil && this.#excludedUntil - now <= LONGEST_EXCLUSION_MS
  }

  /** How the peer has done, at `now` in milliseconds since 1970. */
  standing(now: number): Standing {
    const refuses = this.#refusals > 0 && Math.abs(now - this.#refusedAt) < REFUSAL_AGE_MS
    if (this.answered > 0) return refuses && this.#refusals >= MANY_REFUSALS ? 'evasive' : 'proven'
    return refuses || this.failed > 0 ? 'evasive' : 'unproven'
  }

  success(): void {
    this.answered++
    this.#consecutiveFailures = 0
    this.#excludedUntil = 0
    this.#refusals = 0
  }

  failure(now: number): void {
    this.failed++
    const over = ++this.#consecutiveFailures - MAX_FAILURES
    if (over < 0) return
    const ms = EXCLUSION_MS * (this.answered > 0 ? 1 : 2 ** over)
    this.#excludedUntil = now + Math.min(ms, LONGEST_EXCLUSION_MS)
  }

  /** Notes that the peer refused a request, with a code that is no fault of its. */
  refusal(code: string, now: number): void {
    if (NO_EVASION.has(code)) return
    this.#refusals++
    this.#refusedAt = now
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
