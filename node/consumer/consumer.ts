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
import type { Asker, ConsumerComponents, ConsumerInit, ListedModel, PeerStatus } from './index.ts'
import { attempt } from './attempt.ts'
import { Attempts } from './choice/attempts.ts'
import { Candidates, type Candidate, type Offerer } from './choice/candidates.ts'
import { Chooser } from './choice/chooser.ts'
import { Departures } from './choice/departures.ts'
import { Unbroken } from './continuing/unbroken.ts'
import { explain } from './choice/explain.ts'
import { listModels } from './choice/list-models.ts'
import { Opinions } from './choice/opinions.ts'
import type { Judged } from './choice/judged.ts'
import { PriceLimits } from './choice/price-limits.ts'
import type { Among, Watch } from './explaining/watch.ts'
import type { Offer } from './naming/auto.ts'
import type { Standing } from './peers/peer-health.ts'
import { Peers } from './peers/peers.ts'
import { Prober } from './peers/prober.ts'
import { Spending } from './peers/spending.ts'
import { TokenCounts } from './peers/token-drift.ts'
import { RemoteProvider } from './remote-provider.ts'
import { Purchases } from './settling/purchases.ts'
import { Reconciler } from './settling/reconciler.ts'

/** How one model is asked for. */
export interface ChosenOptions extends InferOptions {
  /** Peers that the request may go to. @default all that are allowed */
  among?: Among
  watch?: Watch
}

/** Asks for one model by its own name. */
export class LobstahConsumer implements Asker {
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
  readonly #prober: Prober
  readonly #chooser: Chooser
  readonly #priceLimits: PriceLimits

  constructor(init: ConsumerInit, components: ConsumerComponents) {
    this.#init = init
    this.#components = components
    this.#reconciler = new Reconciler({ ...components, purchases: this.#purchases })
    this.#prober = new Prober({ ...components, peers: this.#peers })
    this.#priceLimits = new PriceLimits(init.maxPrice ?? {})
    this.#candidates = new Candidates({
      providers: () => this.#providers(),
      peers: this.#peers,
      counts: this.#counts,
      priceLimits: this.#priceLimits,
      relation: init.relation ?? (() => 'stranger'),
      now: components.now
    })
    this.#chooser = new Chooser({
      ...components,
      candidates: this.#candidates,
      departures: this.#departures,
      peers: this.#peers,
      prober: this.#prober,
      background: this.#keep
    })
  }

  start(): void {
    this.#components.directory.addEventListener('change', this.#onChange)
    this.#onChange()
  }

  async stop(): Promise<void> {
    this.#components.directory.removeEventListener('change', this.#onChange)
    await Promise.all(this.#background)
    await Promise.all([this.#reconciler.stop(), this.#prober.stop()])
  }

  standing(peer: string): Standing {
    return this.#peers.standing(peer, this.#components.now())
  }

  models(): ListedModel[] {
    return listModels(this.reach())
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

  async *infer(request: InferenceRequest, options: ChosenOptions = {}): AsyncGenerator<AnswerEvent> {
    const { among, watch, ...rest } = options
    const { signal, session } = rest
    const attempts = new Attempts(options.tier)
    const opinions = new Opinions()
    const resume = options.resume === false ? 'off' : this.#init.resume
    const answer = new Unbroken(request, resume, options.held)
    // This node's own engine tells nobody when it comes or goes.
    this.#observeModels()
    while (attempts.open(performance.now())) {
      const wanted = {
        request: answer.request,
        accepts: answer.accepts,
        prefers: answer.prefers,
        among,
        watch
      }
      const [chosen, ...others] = await this.#chooser.choose(wanted, attempts, session, signal)
      if (chosen === undefined) break
      const { candidate } = chosen
      const { provider, model, warmTokens } = candidate
      attempts.asks(performance.now())
      watch?.asks(candidate, answer.begun)
      const waits = this.#candidates.patience(candidate, answer.request, others.length, answer.begun)
      const onReceipt = answer.asks()
      const tracked = { ...this.#components, peers: this.#peers, counts: this.#counts }
      try {
        const events = attempt(
          provider,
          answer.request,
          { ...rest, onReceipt, beforeReceipt: answer.keepsBy(rest.beforeReceipt), ...waits, warmTokens },
          tracked
        )
        let tokens = 0
        for await (const event of answer.join(events, model)) {
          if (event.type === 'end') {
            tokens = event.usage.promptTokens + event.usage.completionTokens
            this.#candidates.wrote(request.model, event.usage.completionTokens)
          }
          yield event
        }
        watch?.answered()
        this.#candidates.answered(request, session, provider.peer, tokens)
        opinions.overruled.forEach((peer) => this.#peers.health(peer).failure(this.#components.now()))
        return
      } catch (thrown) {
        signal?.throwIfAborted()
        const err = toLobstahError(thrown)
        watch?.failed(err)
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
        tooSmall: this.#chooser.tooSmall({ request: answer.request, accepts: answer.accepts, among }),
        now: this.#components.now()
      })
    )
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

  /** What can be asked now, with the contexts that are known. */
  reach(): Offer[] {
    return this.#offers().map((offer) => ({ peer: offer.peer, models: this.#candidates.held(offer) }))
  }

  /** The candidates for a request as they are judged now; nobody is asked. */
  judge(request: InferenceRequest, among: Among): Judged[] {
    return this.#chooser.judged({ request, accepts: () => true, among })
  }

  #offers(): { peer: string; models: OfferedModel[] }[] {
    return this.#providers()
      .filter(({ allowed }) => allowed !== false)
      .map(({ provider }) => ({ peer: provider.peer, models: provider.models() }))
  }

  #providers(): Offerer[] {
    const remote = this.#components.directory.contributors().map((contributor) => {
      const provider = new RemoteProvider(contributor, this.#remote)
      const { peer, announcement } = contributor
      return {
        provider,
        load: () => this.#peers.load(contributor),
        slots: Math.max(1, announcement.slots),
        roundTripMs: provider.roundTripMs,
        allowed: this.#init.allows(peer)
      }
    })
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
