import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '@libp2p/interface'
import { isDeepStrictEqual } from 'node:util'
import QuickLRU from 'quick-lru'
import {
  ContextLengthExceededError,
  EngineFailedError,
  MAX_ANNOUNCED_MODELS,
  OrderRefusedError,
  modelInfo,
  type OfferedModel,
  type Price
} from '../../../protocols/index.ts'
import type { Engine } from '../../engines/engine.ts'
import { priceOf } from './pricing.ts'

/** How often the engine is asked what it can serve, in milliseconds. */
const REFRESH_INTERVAL_MS = 15_000

/**
 * How often an engine that does not answer is asked, in milliseconds: what it serves is offered again within a second of
 * its return.
 */
const AWAY_INTERVAL_MS = 400

/** The same while only a demonstration is served, which gives way to a real engine as soon as there is one, in milliseconds. */
const INTERIM_INTERVAL_MS = 2000

/** How long a limit that the engine taught is held, in milliseconds: it may load its model anew with more. */
const LEARNED_MS = 15 * 60_000

/** How long the engine's word on a model's digest holds, in milliseconds. */
const DIGEST_MS = 1000

/** Longest wait for a model's digest, in milliseconds: after it, the digest that was offered stands. */
const DIGEST_TIMEOUT_MS = 1000

/** When to ask again for an engine that is away, in milliseconds. */
const AWAY_RETRY_MS = 1000

/** Longest wait for the engine's list, in milliseconds. */
const REFRESH_TIMEOUT_MS = 10_000

export interface OffersInit {
  prices: Readonly<Record<string, Price>>
  /** Whether peers get a model. @default all */
  serves?: (model: OfferedModel) => boolean
  /** Whether the engine is asked how many requests it answers side by side, which may measure it. @default it is not */
  asksParallelism?: () => boolean
  /** Called when the models, their prices or the engine's parallelism are others than before. */
  onChange: () => void
}

/** The models that the engine can serve now, with prices; an engine that does not answer serves none. */
export class Offers {
  readonly #engine: Engine
  readonly #init: OffersInit
  readonly #log: Logger
  #models: OfferedModel[] = []
  #announced: OfferedModel[] = []
  /** Context lengths that the engine named in its own errors, by model. */
  readonly #learned = new QuickLRU<string, number>({ maxSize: MAX_ANNOUNCED_MODELS, maxAge: LEARNED_MS })
  /** Digests that the engine was asked for a moment ago, by model. */
  readonly #digests = new QuickLRU<string, Promise<string | undefined>>({
    maxSize: MAX_ANNOUNCED_MODELS,
    maxAge: DIGEST_MS
  })
  #parallelism: number | undefined
  #away = false
  /** Ends the pause between two looks. */
  #woken = new AbortController()
  #stopped = new AbortController()
  #loop: Promise<void> = Promise.resolve()

  constructor(engine: Engine, init: OffersInit, log: Logger) {
    this.#engine = engine
    this.#init = init
    this.#log = log
  }

  get models(): OfferedModel[] {
    return this.#models
  }

  /** Those of them that peers get. */
  get served(): OfferedModel[] {
    const { serves } = this.#init
    return serves === undefined ? this.#models : this.#models.filter(serves)
  }

  /** Those that peers get and that fit an announcement: with one that does not, peers would take none of it. */
  get announced(): OfferedModel[] {
    return this.#announced
  }

  /** How many requests the engine answers side by side; undefined where it never told. */
  get parallelism(): number | undefined {
    return this.#parallelism
  }

  async start(): Promise<void> {
    this.#stopped = new AbortController()
    await this.refresh()
    this.#loop = this.#keep(this.#stopped.signal)
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#loop
  }

  /**
   * The error to report for an engine's failure. Learns from it the model's real context, and whether the engine is away,
   * which says when to ask again.
   */
  async explained(model: string, err: unknown): Promise<unknown> {
    if (err instanceof ContextLengthExceededError && err.contextLength !== undefined)
      this.#learned.set(model, err.contextLength)
    else if (!(err instanceof EngineFailedError)) return err
    await this.refresh()
    return err instanceof EngineFailedError && this.#away
      ? new EngineFailedError(err.message, { cause: err, retryAfterMs: AWAY_RETRY_MS })
      : err
  }

  /**
   * Throws OrderRefusedError where a model's name stands for another digest than the one that is offered, and offers what
   * the engine has now. An engine that does not answer in time is believed as before. `anew` believes no answer of a
   * moment ago.
   */
  async checkCurrent({ id, digest }: OfferedModel, anew = false): Promise<void> {
    if (anew) this.#digests.delete(id)
    let asked = this.#digests.get(id)
    if (asked === undefined) {
      const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(DIGEST_TIMEOUT_MS)])
      asked = this.#askDigest(id, digest, signal)
      this.#digests.set(id, asked)
    }
    if ((await asked) === (digest ?? undefined)) return
    this.#digests.delete(id)
    await this.refresh()
    throw new OrderRefusedError('The model has another digest now')
  }

  async #askDigest(id: string, offered: string | null, signal: AbortSignal): Promise<string | undefined> {
    const fallback = offered ?? undefined
    try {
      return this.#engine.digest === undefined ? fallback : await this.#engine.digest(id, { signal })
    } catch {
      return fallback
    }
  }

  /** Asks the engine now. */
  async refresh(): Promise<void> {
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(REFRESH_TIMEOUT_MS)])
    let models: OfferedModel[] = []
    let parallelism = this.#parallelism
    try {
      const served = await this.#engine.models({ signal })
      models = served.map((model) => ({
        ...model,
        contextLength: smaller(model.contextLength, this.#learned.get(model.id) ?? null),
        price: priceOf(model, this.#init.prices)
      }))
      if (this.#init.asksParallelism?.() === true)
        parallelism = (await this.#engine.parallelism?.({ signal })) ?? parallelism
      this.#away = false
    } catch (err) {
      if (this.#stopped.signal.aborted) return
      if (!this.#away) this.#log('the engine does not answer: nothing is offered until it does - %e', err)
      // The engine may be back before the next look would have been due.
      if (!this.#away) this.#woken.abort()
      this.#away = true
    }
    if (isDeepStrictEqual([models, parallelism], [this.#models, this.#parallelism])) return
    this.#models = models
    this.#parallelism = parallelism
    this.reconsider()
  }

  /** Asks again which models peers get, and tells of it. */
  reconsider(): void {
    const models = this.served
    const fit = models.flatMap(({ price, ...model }) => {
      const { data } = modelInfo.safeParse(model)
      return data === undefined ? [] : [{ ...data, price }]
    })
    this.#announced = fit.slice(0, MAX_ANNOUNCED_MODELS)
    const left = models.length - this.#announced.length
    if (left > 0) this.#log('%d of %d models do not fit an announcement', left, models.length)
    this.#init.onChange()
  }

  async #keep(signal: AbortSignal): Promise<void> {
    do {
      this.#woken = new AbortController()
      const either = AbortSignal.any([signal, this.#woken.signal])
      await delay(this.#interval(), undefined, { signal: either }).catch(() => undefined)
      if (!signal.aborted) await this.refresh()
    } while (!signal.aborted)
  }

  #interval(): number {
    if (this.#away) return AWAY_INTERVAL_MS
    const interim = this.#models.some(({ demonstration }) => demonstration === true)
    return interim ? INTERIM_INTERVAL_MS : REFRESH_INTERVAL_MS
  }
}

/** The smaller of two context lengths, where both are known. */
function smaller(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b)
}
