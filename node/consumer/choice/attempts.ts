import { BusyError, ContextLengthExceededError, type LobstahError } from '../../../protocols/index.ts'

/** Contributors that may work on one request and fail. */
const MAX_ATTEMPTS = 4

/** Contributors that may refuse it at once: a refusal costs no more than a message each way. */
const MAX_REFUSALS = 16

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
  #refusals = 0
  /** The largest context that was refused; 0 before any. */
  #refusedContext = 0
  #firstAway: number | undefined

  /** Whether anybody was asked. */
  get begun(): boolean {
    return this.failures.length > 0
  }

  /** Whether another may be asked. */
  get open(): boolean {
    return this.#refusals < MAX_REFUSALS && this.failures.length - this.#refusals < MAX_ATTEMPTS
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
    this.#tried.add(peer)
    this.#away.delete(peer)
    if (err.code === 'engine_failed' && err.retryAfterMs !== undefined) {
      this.#firstAway ??= now
      this.#away.set(peer, now + err.retryAfterMs)
      // Waiting is bounded by time instead.
      this.#refusals++
    } else if (REFUSALS.has(err.code)) this.#refusals++
    if (err instanceof ContextLengthExceededError)
      this.#refusedContext = Math.max(this.#refusedContext, contextLength ?? 0)
  }

  /** The failure to tell the user: one that a retry can mend before others. */
  get worst(): LobstahError | undefined {
    return this.failures.find((err) => err instanceof BusyError) ?? this.failures.at(-1)
  }
}
