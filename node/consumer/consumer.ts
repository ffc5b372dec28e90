import {
  ContextLengthExceededError,
  LedgerFailedError,
  toLobstahError,
  type AnswerEvent,
  type InferOptions,
  type InferenceRequest,
  type LobstahError,
  type OfferedModel
} from '../../protocols/index.ts'
import type { Contributor } from '../discovery/index.ts'
import type {
  Consumer,
  ConsumerComponents,
  ConsumerInit,
  ListedModel,
  LocalProvider,
  PeerStatus
} from './index.ts'
import { attempt } from './attempt.ts'
import { Attempts } from './choice/attempts.ts'
import { awaitCandidate } from './choice/await-candidate.ts'
import { Candidates, type Candidate } from './choice/candidates.ts'
import { Departures } from './choice/departures.ts'
import { Unbroken } from './continuing/unbroken.ts'
import { evidenceOf } from './choice/evidence.ts'
import { explain } from './choice/explain.ts'
import { listModels } from './choice/list-models.ts'
import { Opinions } from './choice/opinions.ts'
import { PriceLimits } from './choice/price-limits.ts'
import { rank } from './choice/ranking.ts'
import type { Standing } from './peers/peer-health.ts'
import { Peers } from './peers/peers.ts'
import { Spending } from './peers/spending.ts'
import { TokenCounts } from './peers/token-drift.ts'
import { RemoteProvider } from './remote-provider.ts'
import { Purchases } from './settling/purchases.ts'
import { Reconciler } from './settling/reconciler.ts'

/** See {@link Consumer}. */
export class LobstahConsumer implements Consumer {
  readonly #init: ConsumerInit
  readonly #components: ConsumerComponents
  readonly #peers = new Peers()
  readonly #background = new Set<Promise<void>>()
  readonly #purchases = new Purchases()
  readonly #reconciler: Reconciler
  readonly #counts = new TokenCounts()
  readonly #spending = new Spending()
  readonly #departures = new Departures()
  readonly #candidates: Candidates
  readonly #priceLimits: PriceLimits

  constructor(init: ConsumerInit, components: ConsumerComponents) {
    this.#init = init
    this.#components = components
    this.#reconciler = new Reconciler({ ...components, purchases: this.#purchases })
    this.#priceLimits = new PriceLimits(init.maxPrice ?? {})
    this.#candidates = new Candidates({
      providers: () => this.#providers(),
      peers: this.#peers,
      counts: this.#counts,
      priceLimits: this.#priceLimits,
      trusts: init.trusts ?? (() => false),
      now: components.now
    })
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

  standing(peer: string): Standing {
    return this.#peers.standing(peer, this.#components.now())
  }

  models(): ListedModel[] {
    return listModels(
      this.#offers().map((offer) => ({ peer: offer.peer, models: this.#candidates.held(offer) }))
    )
  }

  peers(): PeerStatus[] {
    return this.#peers.statuses(
      this.#components.directory.contributors(),
      this.#components.now(),
      (contributor) => {
        const { peer, announcement } = contributor
        const paid = this.#spending.of(peer)
        const models = this.#candidates.held({ peer, models: announcement.models })
        return {
          route: new RemoteProvider(contributor, this.#remote).route,
          path: this.#pathTo(contributor),
          contexts: Object.fromEntries(models.map(({ id, contextLength }) => [id, contextLength])),
          disputes: this.#reconciler.disputes(peer),
          tokenDrift: this.#counts.drifts(peer),
          ...(paid === undefined ? {} : { paid })
        }
      }
    )
  }

  async *infer(request: InferenceRequest, options: InferOptions = {}): AsyncGenerator<AnswerEvent> {
    const { signal, session } = options
    const attempts = new Attempts()
    const opinions = new Opinions()
    const resume = options.resume === false ? 'off' : this.#init.resume
    const answer = new Unbroken(request, resume, options.held)
    // This node's own engine tells nobody when it comes or goes.
    this.#observeModels()
    while (attempts.open(performance.now())) {
      const candidate = await this.#choose(answer, attempts, session, signal)
      if (candidate === undefined) break
      const { provider, model } = candidate
      attempts.asks(performance.now())
      const waits = this.#candidates.patience(candidate, answer.request, attempts)
      const onReceipt = answer.asks()
      const tracked = { ...this.#components, peers: this.#peers, counts: this.#counts }
      try {
        const events = attempt(provider, answer.request, { ...options, onReceipt, ...waits }, tracked)
        yield* answer.join(events, model)
        this.#candidates.answered(request, session, provider.peer)
        opinions.overruled.forEach((peer) => this.#peers.health(peer).failure(this.#components.now()))
        return
      } catch (thrown) {
        signal?.throwIfAborted()
        const err = toLobstahError(thrown)
        const tooLong = err instanceof ContextLengthExceededError
        if (err instanceof LedgerFailedError) throw err
        // A request that somebody has begun to answer is good, whatever the next one says of it.
        if (!(err.retryable || tooLong || answer.begun)) opinions.add(candidate, err)
        const end = answer.brokeOff(err)
        if (end !== undefined) {
          yield end
          return
        }
        if (tooLong) this.#candidates.learnContext(candidate, answer.request, err)
        if (answer.asksAgain) continue
        if (answer.begun) attempts.resumed(answer.takeProgress())
        this.#failedOver(candidate, attempts, err, answer.begun)
      }
    }
    throw (
      answer.unfinished() ??
      opinions.shared ??
      attempts.worst ??
      explain(request.model, {
        offers: this.#offers().flatMap(({ models }) => models),
        priceLimits: this.#priceLimits,
        departure: this.#departures.of(request.model),
        now: this.#components.now()
      })
    )
  }

  /** The best candidate that may still be asked; waits where one may come, or come back, in a moment. */
  async #choose(
    { request, accepts, prefers }: Unbroken,
    attempts: Attempts,
    session: string | undefined,
    signal?: AbortSignal
  ): Promise<Candidate | undefined> {
    const best = (): Candidate | undefined => {
      const all = this.#candidates.of(request, session).filter(({ model }) => accepts(model))
      const left = this.#candidates.left(all, attempts)
      const same = left.filter(({ model }) => prefers(model))
      return rank(same.length > 0 ? same : left, request, Math.random, evidenceOf(all))[0]
    }
    const { directory } = this.#components
    for (;;) {
      const known = best()
      const back = attempts.waitsUntil(performance.now())
      if (known !== undefined || back === undefined) {
        if (known !== undefined || attempts.begun) return known
        break
      }
      await directory.changed(Math.max(1, back - performance.now()), signal)
    }
    const departure = this.#departures.of(request.model)
    return await awaitCandidate(request.model, best, { ...this.#components, departure, signal })
  }

  #failedOver(
    { provider: { peer }, model }: Candidate,
    attempts: Attempts,
    err: LobstahError,
    begun: boolean
  ): void {
    attempts.failed(peer, err, this.#candidates.contextLength(peer, model), performance.now(), begun)
    this.#components.log('%s failed, asking another: %s', peer, err.message)
    this.#components.observer?.failedOver()
  }

  #offers(): { peer: string; models: OfferedModel[] }[] {
    return this.#providers().map(({ provider }) => ({ peer: provider.peer, models: provider.models() }))
  }

  #providers(): LocalProvider[] {
    const remote = this.#components.directory
      .contributors()
      .filter(({ peer }) => this.#init.allows(peer))
      .map((contributor) => ({
        provider: new RemoteProvider(contributor, this.#remote),
        load: () => this.#peers.load(contributor)
      }))
    return [...this.#components.local, ...remote]
  }

  #pathTo({ id }: Contributor): PeerStatus['path'] {
    const connection = this.#components.directory.connection(id)
    return connection === undefined ? null : this.#components.pathOf(connection)
  }

  get #remote(): ConstructorParameters<typeof RemoteProvider>[1] {
    return {
      ...this.#components,
      background: this.#keep,
      purchases: this.#purchases,
      spending: this.#spending,
      brokeOff: (peer) => {
        this.#reconciler.brokeOff(peer)
        this.#onChange()
      }
    }
  }

  readonly #keep = (work: Promise<void>): void => {
    const kept = work.finally(() => this.#background.delete(kept))
    this.#background.add(kept)
  }

  readonly #onChange = (): void => {
    const { directory } = this.#components
    const contributors = directory.contributors()
    this.#peers.observe(contributors)
    this.#observeModels()
    this.#reconciler.visit(contributors, (id) => directory.connection(id))
  }

  #observeModels(): void {
    this.#departures.observe(this.#offers(), this.#components.now())
  }
}
