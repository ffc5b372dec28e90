import type { Connection, Stream } from '@libp2p/interface'
import {
  BadRequestError,
  CHAT_PROTOCOL,
  INFO_PROTOCOL,
  MAX_CHAT_STREAMS,
  MAX_INFO_STREAMS,
  MAX_RECEIPTS_STREAMS,
  NotAllowedError,
  RECEIPTS_PROTOCOL,
  serveChat,
  serveInfo,
  type AnswerEvent,
  type InferOptions,
  type InferenceRequest,
  type OfferedModel,
  type Provider
} from '../../protocols/index.ts'
import { Admission } from './orders/admission.ts'
import { Orders } from './orders/orders.ts'
import { ServiceTimes } from './orders/service-times.ts'
import { Announcer, type Offer } from './offers/announcer.ts'
import { ClaimDesk } from './settling/claim-desk.ts'
import { Credit } from './settling/credit.ts'
import { engineEvents } from './answers/engine-events.ts'
import type { Capacity, Contributor, ContributorComponents, ContributorInit, ServedOrder } from './index.ts'
import { localAnswer } from './answers/local-answer.ts'
import { Offers } from './offers/offers.ts'

/** See {@link Contributor}. */
export class LobstahContributor implements Contributor {
  readonly #init: ContributorInit
  readonly #components: ContributorComponents
  readonly #offers: Offers
  readonly #admission: Admission
  readonly #announcer: Announcer
  readonly #credit: Credit
  readonly #orders: Orders
  readonly #claimDesk: ClaimDesk
  readonly #times = new ServiceTimes()
  readonly #running = new Set<Promise<unknown>>()
  #started = false
  #unfollow: (() => void) | undefined

  constructor(init: ContributorInit, components: ContributorComponents) {
    this.#init = init
    this.#components = components
    const onChange = (): void => this.#announcer.changed()
    const { peer, privateKey, log, now, engine } = components
    const busy = engine.busy && (() => engine.busy?.() ?? Promise.resolve(0))
    const { observer } = components
    this.#admission = new Admission(
      {
        slots: () => this.#slots ?? this.#offers.parallelism ?? 1,
        queue: init.queue,
        busy,
        times: this.#times,
        onStart: (tier, waitedMs) => observer?.started(tier, waitedMs)
      },
      onChange
    )
    this.#credit = new Credit(init, components.ledger)
    const { owner } = components
    const announced = (): OfferedModel[] => (owner?.open === false ? [] : this.#offers.announced)
    const offer = (): Offer => {
      const { slots, active, queued } = this.#admission
      return { slots, active, queued, models: announced() }
    }
    this.#announcer = new Announcer(offer, { peer, privateKey, agent: init.agent, now })
    const onModels = (): void => {
      this.#admission.changed()
      this.#announcer.changed()
      if (init.serve) components.providerRecords.set(announced().map(({ id }) => id))
    }
    const serves = (model: OfferedModel): boolean => owner?.offers(model) ?? true
    const asksParallelism = (): boolean => this.#slots === undefined
    this.#offers = new Offers(
      engine,
      { prices: init.prices, serves, asksParallelism, onChange: onModels },
      log
    )
    const [offers, admission, credit] = [this.#offers, this.#admission, this.#credit]
    const { shareOf } = init.shares
    this.#orders = new Orders({ ...components, offers, admission, credit, shareOf, times: this.#times })
    this.#claimDesk = new ClaimDesk(components, this.#orders.serving)
  }

  async start(): Promise<void> {
    if (this.#started) return
    this.#started = true
    await this.#offers.start()
    if (!this.#init.serve) return
    this.#unfollow = this.#components.owner?.onChange(() => {
      this.#offers.reconsider()
      this.#admission.changed()
    })
    const { libp2p } = this.#components
    await this.#announcer.begin()
    await libp2p.handle(CHAT_PROTOCOL, this.#onChat, {
      maxInboundStreams: MAX_CHAT_STREAMS,
      runOnLimitedConnection: true
    })
    await libp2p.handle(INFO_PROTOCOL, this.#onInfo, {
      maxInboundStreams: MAX_INFO_STREAMS,
      runOnLimitedConnection: true
    })
    await libp2p.handle(RECEIPTS_PROTOCOL, this.#claimDesk.serve, {
      maxInboundStreams: MAX_RECEIPTS_STREAMS,
      runOnLimitedConnection: true
    })
  }

  async beforeStop(): Promise<void> {
    this.#admission.close()
    await this.#announcer.end()
    const drained = Promise.all(this.#running)
    await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, this.#init.drainMs).unref())])
  }

  async stop(): Promise<void> {
    if (!this.#started) return
    this.#started = false
    this.#unfollow?.()
    this.#admission.stop()
    await this.#offers.stop()
    await this.#components.libp2p.unhandle([CHAT_PROTOCOL, INFO_PROTOCOL, RECEIPTS_PROTOCOL])
  }

  /** The slots that the owner or the settings give; undefined leaves it to the engine. */
  get #slots(): number | undefined {
    return this.#components.owner === undefined ? this.#init.slots : this.#components.owner.slots
  }

  capacity(): Capacity {
    const { slots, active, queued, tiers } = this.#admission
    return { models: this.#offers.models, slots, active, queued, tiers }
  }

  reserved(consumer: string): number {
    return this.#credit.reserved(consumer)
  }

  served(): ServedOrder[] {
    return this.#orders.served.list()
  }

  stopOrder(id: string): boolean {
    return this.#orders.served.stop(id)
  }

  get provider(): Provider {
    return {
      peer: this.#components.peer,
      route: 'local',
      models: () => this.#offers.models,
      infer: (request, options) => this.#answerLocally(request, options)
    }
  }

  async *#answerLocally(
    request: InferenceRequest,
    { signal = new AbortController().signal, tier, key }: InferOptions = {}
  ): AsyncGenerator<AnswerEvent> {
    const { peer, engine } = this.#components
    const share = this.#init.shares.shareOfKey(key)
    const ticket = this.#admission.enter({ share, own: true, ...(tier === undefined ? {} : { tier }) })
    try {
      const expectedWork = this.#times.expectedWork(request)
      yield* localAnswer({ ticket, peer, request, expectedWork, signal }, (either) =>
        engineEvents(engine, request, either)
      )
    } catch (err) {
      throw await this.#offers.explained(request.model, err)
    }
  }

  readonly #onInfo = (stream: Stream): void => {
    serveInfo(stream, this.#announcer).catch((err: unknown) => {
      stream.abort(err instanceof Error ? err : new BadRequestError())
    })
  }

  readonly #onChat = async (stream: Stream, connection: Connection): Promise<void> => {
    const serving = serveChat(stream, connection, (session) => this.#orders.serve(session), this.#admit)
    this.#running.add(serving)
    try {
      const err = await serving
      if (err !== undefined) {
        this.#components.observer?.failed(err.code)
        this.#components.log('order of %p failed: %s %s', connection.remotePeer, err.code, err.message)
      }
    } finally {
      this.#running.delete(serving)
    }
  }

  /** Throws where a peer is not served at all, so that nothing of its order is read. */
  readonly #admit = (peer: string): void => {
    if (!this.#init.allows(peer)) throw new NotAllowedError()
    this.#components.owner?.check()
    this.#credit.check(peer)
  }
}
