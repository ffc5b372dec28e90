import {
  BusyError,
  ContextLengthExceededError,
  type LobstahError,
  type Tier
} from '../../../protocols/index.ts'

/** Contributors that may work on one request and fail; one that fails at once counts as half. */
const MAX_ATTEMPTS = 4

/** What is no more than a message each way, in milliseconds. */
const AT_ONCE_MS = 1000

/** How long contributors may refuse a request, in milliseconds from the first refusal: it costs time, and nothing else. */
const REFUSALS_MS = 20_000

/** Contributors that are asked for one request in all: each signs an order. */
const MAX_ASKED = 256

/** Tokens with which a contributor has moved an answer on, after which all may be asked again, and how often in all. */
const PROGRESS_TOKENS = 16
const MAX_RESUMED = 32

/** First pause before a contributor that broke off is asked once more, doubled each time, in milliseconds. */
const PAUSE_MS = 500

/** How long an answer waits for a contributor that broke off, where nobody else can go on, in milliseconds. */
const RETURN_MS = 4000

/** How long a request waits for an engine that is away for a moment, in milliseconds. */
export const ABSENCE_MS = 10_000

/** How long a request that is not interactive waits for a slot, in milliseconds from the first refusal. */
export const BATCH_PATIENCE_MS = 600_000

/** Codes by which a contributor refuses before it has done any work. */
const REFUSALS = new Set([
  'busy',
  'context_length_exceeded',
  'credit_exhausted',
  'model_not_found',
  'not_allowed',
  'paused',
  'order_refused',
  'shutting_down'
])

/** What became of one request so far: who was asked, and what they said. */
export class Attempts {
  readonly failures: LobstahError[] = []
  readonly #tried = new Set<string>()
  /** Peers whose engine is away and may be back, with when to ask again, in milliseconds of the monotonic clock. */
  readonly #away = new Map<string, number>()
  /** What failures have used up of the attempts. */
  #used = 0
  #firstFailure: number | undefined
  #askedAt: number | undefined
  /** The largest context that was refused; 0 before any. */
  #refusedContext = 0
  #firstAway: number | undefined
  /** How long from then on is waited, in milliseconds. */
  #patience = 0
  #resumed = 0
  /** Times that contributors broke off since the answer last moved on. */
  #broken = 0
  /** Whether busy contributors are asked again when they say so: nobody waits for the answer. */
  readonly #patient: boolean

  constructor(tier: Tier = 'interactive') {
    this.#patient = tier !== 'interactive'
  }

  /** Whether anybody was asked. */
  get begun(): boolean {
    return this.failures.length > 0
  }

  /** Whether another may be asked at `now`, by the monotonic clock. */
  open(now: number): boolean {
    const inTime =
      this.#firstFailure === undefined ||
      now - this.#firstFailure < (this.#patient ? BATCH_PATIENCE_MS : REFUSALS_MS)
    return this.#used < MAX_ATTEMPTS && this.failures.length < MAX_ASKED && inTime
  }

  /** Notes that a peer is asked at `now`. */
  asks(now: number): void {
    this.#askedAt = now
  }

  /** Whether a peer whose model holds `contextLength` tokens is still to be asked at `now`. */
  allows(peer: string, contextLength: number | null, now: number): boolean {
    const back = this.#away.get(peer)
    if (this.#tried.has(peer) && (back === undefined || now < back)) return false
    return contextLength === null || contextLength > this.#refusedContext
  }

  /** When an engine that is away is to be asked again, at the latest; undefined where there is none to wait for. */
  waitsUntil(now: number): number | undefined {
    if (this.#firstAway === undefined || now - this.#firstAway >= this.#patience) return undefined
    const next = [...this.#away.values()].filter((at) => at > now)
    // One that is not there yet may come at any time until then.
    if (next.length > 0) return Math.min(...next)
    const until = this.#firstAway + Math.min(this.#patience, ABSENCE_MS)
    return until > now ? until : undefined
  }

  /** An answer broke off after so many more tokens: where that is progress, all may be asked again, within bounds. */
  resumed(tokens: number): void {
    if (tokens < PROGRESS_TOKENS || this.#resumed >= MAX_RESUMED) return
    this.#resumed++
    this.#used = 0
    this.#broken = 0
    this.#firstFailure = undefined
    this.#firstAway = undefined
    this.#patience = 0
    this.#tried.clear()
    this.#away.clear()
  }

  /**
   * Takes a failure. `contextLength` is what that peer's model is now known to hold. Where the client has some of the
   * answer, the peer is asked once more after a pause: nobody else may be there, and its engine may be back.
   */
  failed(peer: string, err: LobstahError, contextLength: number | null, now: number, begun = false): void {
    this.failures.push(err)
    this.#firstFailure ??= now
    this.#tried.add(peer)
    this.#away.delete(peer)
    const pauseMs = err.retryAfterMs ?? (begun ? PAUSE_MS * 2 ** this.#broken++ : undefined)
    // An owner's pause outlasts any request.
    const waits =
      (begun && err.code !== 'paused') ||
      err.code === 'engine_failed' ||
      (this.#patient && err.code === 'busy')
    if (pauseMs !== undefined && waits) {
      this.#firstAway ??= now
      const absenceMs = this.#patient ? BATCH_PATIENCE_MS : ABSENCE_MS
      this.#patience = Math.max(this.#patience, err.retryAfterMs === undefined ? RETURN_MS : absenceMs)
      // A peer that broke off and does not say when it is back is not asked after the wait is over.
      if (err.retryAfterMs !== undefined || now + pauseMs < this.#firstAway + RETURN_MS)
        this.#away.set(peer, now + pauseMs)
    }
    if (err.code === 'engine_failed' && err.retryAfterMs !== undefined) {
      // Waiting is bounded by time instead, as refusals are.
    } else if (!REFUSALS.has(err.code)) {
      const atOnce = this.#askedAt !== undefined && now - this.#askedAt < AT_ONCE_MS
      this.#used += atOnce ? 0.5 : 1
    }
    if (err instanceof ContextLengthExceededError)
      this.#refusedContext = Math.max(this.#refusedContext, contextLength ?? 0)
  }

  /** The failure to tell the user: one that a retry can mend before others. */
  get worst(): LobstahError | undefined {
    return this.failures.find((err) => err instanceof BusyError) ?? this.failures.at(-1)
  }
}
