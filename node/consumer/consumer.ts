import {
  InvalidFrameError,
  textBytes,
  toLobstahError,
  type AnswerEvent,
  type InferOptions,
  type InferenceRequest,
  type LobstahError
} from '../../protocols/index.ts'
import type { Contributor } from '../discovery/index.ts'
import type { Consumer, ConsumerComponents, ConsumerInit, ListedModel, PeerStatus } from './index.ts'
import { Affinity, sessionOf } from './choice/affinity.ts'
import { explain } from './choice/explain.ts'
import { listModels } from './choice/list-models.ts'
import { NO_FAULT, PeerHealth } from './peers/peer-health.ts'
import { PriceLimits } from './choice/price-limits.ts'
import { Purchases } from './settling/purchases.ts'
import { findModel, rank, type Candidate } from './choice/ranking.ts'
import { Reconciler } from './settling/reconciler.ts'
import { RemoteProvider } from './remote-provider.ts'
import { TokenCounts } from './peers/token-drift.ts'

/** Contributors that one request is tried on. */
const MAX_ATTEMPTS = 4

/** How long a first question waits for a mesh that is being joined, in milliseconds. */
const COLD_START_MS = 5000

/** How often the DHT is asked meanwhile, in milliseconds. */
const COLD_START_STEP_MS = 100

/** See {@link Consumer}. */
export class LobstahConsumer implements Consumer {
  readonly #init: ConsumerInit
  readonly #components: ConsumerComponents
  readonly #health = new Map<string, PeerHealth>()
  /** Contributors seen since start, so that one that is gone is still shown. */
  readonly #seen = new Map<string, Contributor>()
  readonly #background = new Set<Promise<void>>()
  readonly #purchases = new Purchases()
  readonly #reconciler: Reconciler
  readonly #counts = new TokenCounts()
  readonly #affinity = new Affinity()
  readonly #priceLimits: PriceLimits

  constructor(init: ConsumerInit, components: ConsumerComponents) {
    this.#init = init
    this.#components = components
    this.#reconciler = new Reconciler({ ...components, purchases: this.#purchases })
    this.#priceLimits = new PriceLimits(init.maxPrice ?? {})
  }

  start(): void {
    this.#components.directory.addEventListener('change', this.#onChange)
    this.#onChange()
  }

  async stop(): Promise<void> {
    this.#components.directory.removeEventListener('change', this.#onChange)
    await Promise.all(this.#background)
    await this.#reconciler.stop()
  }

  models(): ListedModel[] {
    return listModels(this.#providers().map(({ provider }) => provider))
  }

  peers(): PeerStatus[] {
    const live = new Map(
      this.#components.directory.contributors().map((contributor) => [contributor.peer, contributor])
    )
    return [...new Map([...this.#seen, ...live]).values()].map((contributor) => {
      const { slots, active, queued, models } = contributor.announcement
      const health = this.#healthOf(contributor.peer)
      const up = live.has(contributor.peer)
      return {
        peer: contributor.peer,
        route: new RemoteProvider(contributor, this.#remote).route,
        path: this.#pathTo(contributor),
        state: !up ? 'down' : health.excluded(this.#components.now()) ? 'excluded' : 'up',
        models: models.map(({ id }) => id),
        slots,
        active,
        queued,
        answered: health.answered,
        failed: health.failed,
        firstTokenMs: health.firstTokenMs,
        disputes: this.#reconciler.disputes(contributor.peer),
        tokenDrift: this.#counts.drifts(contributor.peer)
      }
    })
  }

  async *infer(request: InferenceRequest, options: InferOptions = {}): AsyncGenerator<AnswerEvent> {
    const { signal } = options
    const tried = new Set<string>()
    const failures: LobstahError[] = []
    const session = sessionOf(request, options.session)
    while (tried.size < MAX_ATTEMPTS) {
      const candidate = await this.#choose(request, tried, session, signal)
      if (candidate === undefined) break
      tried.add(candidate.provider.peer)
      const attempt = { started: false }
      try {
        yield* this.#attempt(candidate, request, attempt, options)
        if (session !== undefined)
          this.#affinity.answered(session, candidate.provider.peer, this.#components.now())
        return
      } catch (thrown) {
        signal?.throwIfAborted()
        const err = toLobstahError(thrown)
        if (attempt.started || !err.retryable) throw err
        this.#components.log(
          '%s failed before its first token, asking another: %s',
          candidate.provider.peer,
          err.message
        )
        failures.push(err)
        this.#components.observer?.failedOver()
      }
    }
    const offers = this.#providers().flatMap(({ provider }) => provider.models())
    throw explain(request.model, offers, failures, this.#priceLimits)
  }

  async *#attempt(
    { provider }: Candidate,
    request: InferenceRequest,
    attempt: { started: boolean },
    options: InferOptions
  ): AsyncGenerator<AnswerEvent> {
    const health = this.#healthOf(provider.peer)
    const asked = performance.now()
    let bytes = 0
    this.#components.observer?.attempted(provider.route)
    try {
      for await (const event of provider.infer(request, options)) {
        if (event.type === 'delta' && !attempt.started) {
          attempt.started = true
          health.firstToken(performance.now() - asked)
        }
        if (event.type === 'delta') bytes += textBytes(event.delta)
        if (event.type === 'end') {
          health.success()
          this.#counts.add(provider.peer, request.model, { tokens: event.usage.completionTokens, bytes })
        }
        yield event
        if (event.type === 'end') return
      }
      throw new InvalidFrameError('The answer has no end')
    } catch (err) {
      if (options.signal?.aborted !== true) {
        const { code } = toLobstahError(err)
        this.#components.observer?.failed(code)
        if (!NO_FAULT.has(code)) health.failure(this.#components.now())
      }
      throw err
    }
  }

  /** The best candidate that was not tried yet; the DHT is asked when nobody is known. */
  async #choose(
    request: InferenceRequest,
    tried: Set<string>,
    session: string | undefined,
    signal?: AbortSignal
  ): Promise<Candidate | undefined> {
    const best = (): Candidate | undefined => {
      const candidates = this.#candidates(request, session).filter(
        ({ provider }) => !tried.has(provider.peer)
      )
      return rank(candidates, request)[0]
    }
    const known = best()
    if (known !== undefined || tried.size > 0) return known
    const { directory } = this.#components
    const deadline = performance.now() + COLD_START_MS
    do {
      await directory.find(request.model, { signal })
      signal?.throwIfAborted()
      const found = best()
      if (found !== undefined) return found
      // A node that has just joined knows nobody yet: its user's first question is worth a short wait.
      if (!directory.joining) return undefined
      await directory.changed(COLD_START_STEP_MS, signal)
    } while (performance.now() < deadline)
    return undefined
  }

  #candidates(request: InferenceRequest, session: string | undefined): Candidate[] {
    const now = this.#components.now()
    const warm = session === undefined ? undefined : this.#affinity.peer(session, now)
    return this.#providers().flatMap(({ provider, load }) => {
      const model = findModel(provider.models(), request.model)
      if (model === undefined || (provider.route !== 'local' && this.#priceLimits.exceeds(model))) return []
      const health = this.#healthOf(provider.peer)
      const { firstTokenMs } = health
      const excluded = health.excluded(now)
      return [{ provider, model, load: load(), firstTokenMs, excluded, warm: provider.peer === warm }]
    })
  }

  #providers(): { provider: Candidate['provider']; load: () => number }[] {
    const remote = this.#components.directory
      .contributors()
      .filter(({ peer }) => this.#init.allows(peer))
      .map((contributor) => {
        const { active, queued, slots } = contributor.announcement
        return {
          provider: new RemoteProvider(contributor, this.#remote),
          load: () => (active + queued) / Math.max(1, slots)
        }
      })
    return [...this.#components.local, ...remote]
  }

  #pathTo({ id }: Contributor): PeerStatus['path'] {
    const connection = this.#components.directory.connection(id)
    return connection === undefined ? null : this.#components.pathOf(connection)
  }

  #healthOf(peer: string): PeerHealth {
    const health = this.#health.get(peer) ?? new PeerHealth()
    this.#health.set(peer, health)
    return health
  }

  get #remote(): ConstructorParameters<typeof RemoteProvider>[1] {
    return {
      ...this.#components,
      background: this.#keep,
      purchases: this.#purchases,
      brokeOff: (peer) => this.#reconciler.brokeOff(peer)
    }
  }

  readonly #keep = (work: Promise<void>): void => {
    const kept = work.finally(() => this.#background.delete(kept))
    this.#background.add(kept)
  }

  readonly #onChange = (): void => {
    const { directory } = this.#components
    const contributors = directory.contributors()
    for (const contributor of contributors) this.#seen.set(contributor.peer, contributor)
    this.#reconciler.visit(contributors, (id) => directory.connection(id))
  }
}
