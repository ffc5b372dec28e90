import QuickLRU from 'quick-lru'

interface Bucket {
  tokens: number
  /** When it was last filled, in milliseconds since 1970. */
  at: number
}

export interface RateLimitInit {
  /** Requests that may come at once, and in each `periodMs`. */
  requests: number
  periodMs: number
  /** Keys that are remembered; the least recently seen is forgotten first. */
  maxKeys: number
}

/** A token bucket for each key. */
export class RateLimit {
  readonly #init: RateLimitInit
  readonly #buckets: QuickLRU<string, Bucket>

  constructor(init: RateLimitInit) {
    this.#init = init
    this.#buckets = new QuickLRU({ maxSize: init.maxKeys })
  }

  /** Takes a token; returns how long to wait for one where there is none, in milliseconds, else 0. */
  take(key: string, now: number): number {
    const { requests, periodMs } = this.#init
    const { tokens, at } = this.#buckets.get(key) ?? { tokens: requests, at: now }
    const filled = Math.min(requests, tokens + (Math.max(0, now - at) * requests) / periodMs)
    const left = filled < 1 ? filled : filled - 1
    this.#buckets.set(key, { tokens: left, at: now })
    return filled < 1 ? Math.ceil(((1 - filled) * periodMs) / requests) : 0
  }
}
