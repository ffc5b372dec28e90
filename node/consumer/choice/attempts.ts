import { BusyError, ContextLengthExceededError, type LobstahError } from '../../../protocols/index.ts'

/** Contributors that may work on one request and fail; one that fails at once counts as half. */
const MAX_ATTEMPTS = 4

/** What is no more than a message each way, in milliseconds. */
const AT_ONCE_MS = 1000

/** How long contributors may refuse a request, in milliseconds from the first refusal: it costs time, and nothing else. */
const REFUSALS_MS = 20_000

/** Contributors that are asked for one request in all: each signs an order. */
const MAX_ASKED = 256

/** How long a request waits for an engine that is away for a moment, in milliseconds. */
export const ABSENCE_MS = 10_000

/** Codes by which a contributor refuses before it has done any work. */
const REFUSALS = new Set([
  'busy',
  'context_length_exceeded',
  'credit_exhausted',
  'model_not_found',
  'not_allowed',
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

  /** Whether anybody was asked. */
  get begun(): boolean {
    return this.failures.length > 0
  }

  /** Whether another may be asked at `now`, by the monotonic clock. */
  open(now: number): boolean {
    const inTime = this.#firstFailure === undefined || now - this.#firstFailure < REFUSALS_MS
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
    if (this.#firstAway === undefined || now - this.#firstAway >= ABSENCE_MS) return undefined
    return Math.min(...this.#away.values())
  }

  /** Takes a failure before the first token. `contextLength` is what that peer's model is now known to hold. */
  failed(peer: string, err: LobstahError, contextLength: number | null, now: number): void {
    this.failures.push(err)
    this.#firstFailure ??= now
    this.#tried.add(peer)
    this.#away.delete(peer)
    if (err.code === 'engine_failed' && err.retryAfterMs !== undefined) {
      this.#firstAway ??= now
      this.#away.set(peer, now + err.retryAfterMs)
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
