import QuickLRU from 'quick-lru'
import { PaceMeter } from './pace.ts'

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
  'paused',
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

/** Codes of failures of the connection: its peer is not asked before a probe has succeeded. */
const CONNECTION_FAILURES = new Set(['peer_lost', 'deadline'])

/** Models whose pace at one peer is remembered. */
const MAX_MODELS = 64

/** Decay of earlier requests with each new one: the latest thirty or so count. */
const KEPT_OUTCOMES = 0.97

/** This node's experience with one contributor. */
export class PeerHealth {
  answered = 0
  failed = 0
  #consecutiveFailures = 0
  #excludedUntil = 0
  /** Connection failures in a row. */
  #connectionFailures = 0
  /** When a probe may be made of a peer whose connections failed, in milliseconds since 1970; 0 where none is needed. */
  #probeAt = 0
  /** Outcomes lately, and failures among them. */
  #outcomes = 0
  #failures = 0
  readonly #paces = new QuickLRU<string, PaceMeter>({ maxSize: MAX_MODELS })
  readonly #answeredAt = new QuickLRU<string, number>({ maxSize: MAX_MODELS })
  #refusals = 0
  #refusedAt = -Infinity
  #firstTokenTimes: number[] = []

  /** Whether the peer failed twice in a row, and comes last at `now`, in milliseconds since 1970. */
  failing(now: number): boolean {
    // Never for longer, also where the clock was set back.
    return now < this.#excludedUntil && this.#excludedUntil - now <= LONGEST_EXCLUSION_MS
  }

  /** Whether the peer's connections failed, so that it is asked nothing before a probe has succeeded. */
  get unreachable(): boolean {
    return this.#probeAt > 0
  }

  /** Whether it is time to probe a peer whose connections failed. */
  probeDue(now: number): boolean {
    return this.unreachable && (now >= this.#probeAt || this.#probeAt - now > EXCLUSION_MS)
  }

  /** Takes how a probe went. A new connection is one that succeeded. */
  probed(succeeded: boolean, now: number): void {
    if (!this.unreachable) return
    this.#probeAt = succeeded ? 0 : now + EXCLUSION_MS
    // The next failure excludes it again: a probe shows less than an answer.
    this.#connectionFailures = MAX_FAILURES - 1
  }

  /** The part of requests that fail there, with what is usual counting as one answer. */
  failureRate(usual: number): number {
    return (this.#failures + usual) / (this.#outcomes + 1)
  }

  /** How fast the peer answers a model. */
  pace(model: string): PaceMeter {
    const pace = this.#paces.get(model) ?? new PaceMeter()
    this.#paces.set(model, pace)
    return pace
  }

  /** Tokens a second that it wrote of a model, as measured; undefined where it was not. */
  speed(model: string, now: number): number | undefined {
    const pace = this.#paces.peek(model)?.at(now)
    return pace === undefined || pace.evidence === 0 ? undefined : 1000 / pace.writeMs
  }

  /** When a model last answered there, in milliseconds since 1970; undefined where it did not. */
  answeredAt(model: string): number | undefined {
    return this.#answeredAt.get(model)
  }

  /** How the peer has done, at `now` in milliseconds since 1970. */
  standing(now: number): Standing {
    const refuses = this.#refusals > 0 && Math.abs(now - this.#refusedAt) < REFUSAL_AGE_MS
    if (this.answered > 0) return refuses && this.#refusals >= MANY_REFUSALS ? 'evasive' : 'proven'
    return refuses || this.failed > 0 ? 'evasive' : 'unproven'
  }

  success(model: string, now: number): void {
    this.answered++
    this.#consecutiveFailures = 0
    this.#connectionFailures = 0
    this.#excludedUntil = 0
    this.#probeAt = 0
    this.#refusals = 0
    this.#answeredAt.set(model, now)
    this.#outcome(0)
  }

  failure(now: number, code = 'internal'): void {
    this.failed++
    this.#outcome(1)
    this.#connectionFailures = CONNECTION_FAILURES.has(code) ? this.#connectionFailures + 1 : 0
    if (this.#connectionFailures >= MAX_FAILURES) this.#probeAt = now + EXCLUSION_MS
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

  #outcome(failures: number): void {
    this.#outcomes = this.#outcomes * KEPT_OUTCOMES + 1
    this.#failures = this.#failures * KEPT_OUTCOMES + failures
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
