import type { Connection, Stream } from '@libp2p/interface'
import {
  BadRequestError,
  CHAT_PROTOCOL,
  INFO_PROTOCOL,
  MAX_CHAT_STREAMS,
  MAX_INFO_STREAMS,
  MAX_RECEIPTS_STREAMS,
  NotAllowedError,
  OrderRefusedError,
  RECEIPTS_PROTOCOL,
  RECEIPT_INTERVAL_TOKENS,
  certainPromptTokens,
  orderedRequestBytes,
  serveChat,
  serveInfo,
  type AnswerEvent,
  type ChatSession,
  type InferenceRequest,
  type OfferedModel,
  type Order,
  type Provider
} from '../../protocols/index.ts'
import type { EngineEvent } from '../engines/engine.ts'
import { Admission, type Ticket } from './orders/admission.ts'
import { Announcer } from './offers/announcer.ts'
import { answer, heartbeat } from './answers/answer.ts'
import { ClaimDesk } from './settling/claim-desk.ts'
import { Credit } from './settling/credit.ts'
import { expectedPromptTokens } from './settling/expected-prompt.ts'
import { countPrompt, engineEvents } from './answers/engine-events.ts'
import type { Capacity, Contributor, ContributorComponents, ContributorInit } from './index.ts'
import { localAnswer } from './answers/local-answer.ts'
import { Meter } from './settling/meter.ts'
import { PrefillPace } from './settling/prefill-pace.ts'
import type { Reservation } from './settling/reservation.ts'
import { TokenBounds } from '../tokens/index.ts'
import { Offers } from './offers/offers.ts'
import { checkRequest } from './orders/check-request.ts'
import { RecentOrders } from './orders/recent-orders.ts'
import { Settlement } from './settling/settlement.ts'
import { verifyOrder } from './orders/verify-order.ts'

/** An order that is being answered. */
interface Work {
  order: Order
  model: OfferedModel
  request: InferenceRequest
  ticket: Ticket
  /** Resolves when the order is known to be none that was placed before. */
  isNew: Promise<void>
  reservation: Reservation
}

/** See {@link Contributor}. */
export class LobstahContributor implements Contributor {
  readonly #init: ContributorInit
  readonly #components: ContributorComponents
  readonly #offers: Offers
  readonly #admission: Admission
  readonly #announcer: Announcer
  /** Orders being served, so that a copy that comes before the ledger has the first is refused too. */
  readonly #orders = new Set<string>()
  readonly #recent = new RecentOrders()
  readonly #credit: Credit
  readonly #pace = new PrefillPace()
  readonly #claimDesk: ClaimDesk
  readonly #running = new Set<Promise<unknown>>()
  #started = false

  constructor(init: ContributorInit, components: ContributorComponents) {
    this.#init = init
    this.#components = components
    const onChange = (): void => this.#announcer.changed()
    const { peer, privateKey, log, now, engine } = components
    const busy = engine.busy && (() => engine.busy?.() ?? Promise.resolve(0))
    this.#admission = new Admission({ slots: init.slots, queue: init.queue, busy }, onChange)
    this.#credit = new Credit(init, components.ledger)
    this.#claimDesk = new ClaimDesk(components, this.#orders)
    const offer = (): Capacity => ({ ...this.capacity(), models: this.#offers.announced })
    this.#announcer = new Announcer(offer, { peer, privateKey, agent: init.agent, now })
    const onModels = (): void => {
      this.#announcer.changed()
      if (init.serve) components.providerRecords.set(this.#offers.announced.map(({ id }) => id))
    }
    this.#offers = new Offers(engine, { prices: init.prices, onChange: onModels }, log)
  }

  async start(): Promise<void> {
    if (this.#started) return
    this.#started = true
    await this.#offers.start()
    if (!this.#init.serve) return
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
    this.#admission.stop()
    await this.#offers.stop()
    await this.#components.libp2p.unhandle([CHAT_PROTOCOL, INFO_PROTOCOL, RECEIPTS_PROTOCOL])
  }

  capacity(): Capacity {
    const { slots, active, queued } = this.#admission
    return { models: this.#offers.models, slots, active, queued }
  }

  reserved(consumer: string): number {
    return this.#credit.reserved(consumer)
  }

  get provider(): Provider {
    return {
      peer: this.#components.peer,
      route: 'local',
      models: () => this.#offers.models,
      infer: (request, options) => this.#answerLocally(request, options?.signal)
    }
  }

  async *#answerLocally(
    request: InferenceRequest,
    signal = new AbortController().signal
  ): AsyncGenerator<AnswerEvent> {
    const { peer, engine } = this.#components
    const ticket = this.#admission.enter(peer)
    try {
      yield* localAnswer(ticket, peer, request, () => engineEvents(engine, request, signal), signal)
    } catch (err) {
      throw await this.#offers.explained(request.model, err)
    } finally {
      ticket.leave()
    }
  }

  readonly #onInfo = (stream: Stream): void => {
    serveInfo(stream, this.#announcer).catch((err: unknown) => {
      stream.abort(err instanceof Error ? err : new BadRequestError())
    })
  }

  readonly #onChat = async (stream: Stream, connection: Connection): Promise<void> => {
    const serving = serveChat(stream, connection, (session) => this.#serve(session), this.#admit)
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
    this.#credit.check(peer)
  }

  async #serve(session: ChatSession): Promise<void> {
    const { peer: contributor, now } = this.#components
    const context = { peer: session.peer, contributor, models: this.#offers.models, now: now() }
    const { order, model } = await verifyOrder(session.order, context)
    if (session.traceparent !== undefined)
      this.#components.log('order %s has trace context %s', order.id, session.traceparent)
    if (this.#orders.has(order.id) || this.#recent.has(order.id))
      throw new OrderRefusedError('The order was placed before')
    this.#orders.add(order.id)
    let ticket: Ticket | undefined
    let reservation: Reservation | undefined
    try {
      const bytes = orderedRequestBytes(order)
      // A place comes first: what waits for the engine's word holds memory too.
      ticket = this.#admission.enter(session.peer, bytes)
      await this.#offers.checkCurrent(model)
      // The ledger is asked while the document comes and the engine begins.
      const isNew = this.#checkNew(order)
      isNew.catch(() => undefined)
      const document = await session.readRequest(bytes)
      const request = checkRequest(document, order, model)
      reservation = this.#credit.reserve(order.consumer, order.price, {
        promptTokens: Math.min(expectedPromptTokens(request, document.byteLength), order.maxPromptTokens),
        completionTokens: Math.min(RECEIPT_INTERVAL_TOKENS, order.maxCompletionTokens)
      })
      await this.#answer(session, { order, model, request, ticket, isNew, reservation })
    } finally {
      reservation?.release()
      ticket?.leave()
      this.#orders.delete(order.id)
    }
  }

  async #answer(session: ChatSession, work: Work): Promise<void> {
    const { order, model, request, ticket, isNew, reservation } = work
    const { engine, ledger, privateKey, now } = this.#components
    this.#recent.add(order, now())
    const keepOrder = (): Promise<void> => ledger.append([{ kind: 'order', record: session.order }])
    const settlement = new Settlement(session, keepOrder, {
      ledger,
      privateKey,
      onKept: ({ credits }) => reservation.kept(credits)
    })
    void session.listen((record) => settlement.acknowledge(record))
    const turn = ticket.turn(session.signal)
    turn.catch(() => undefined)
    const position = ticket.position()
    await session.send({ type: 'accepted', position })
    const stopHeartbeat = heartbeat(
      session,
      () => 'queued',
      () => ticket.position()
    )
    try {
      await turn
    } finally {
      stopHeartbeat()
    }
    // It may have been replaced while the order waited.
    if (position > 0) await this.#offers.checkCurrent(model, true)
    const meter = new Meter(order, session.order, {
      now,
      reservation,
      readIn: (ms) => this.#pace.tokensIn(request.model, ms),
      promptTokens: certainPromptTokens(request),
      bounds: new TokenBounds(request)
    })
    const counting = countPrompt(engine, request, session.signal).then((tokens) => {
      if (tokens !== undefined) meter.counted(tokens)
    })
    try {
      const events = (): AsyncIterable<EngineEvent> => engineEvents(engine, request, session.signal)
      const { promptTokens, cachedTokens = 0 } = await answer(events, { session, meter, settlement, isNew })
      if (meter.readMs !== undefined)
        this.#pace.observe(request.model, promptTokens - cachedTokens, meter.readMs)
      await counting
    } catch (err) {
      throw await this.#offers.explained(request.model, err)
    } finally {
      this.#components.observer?.served(meter.tokens)
    }
  }

  /** Refuses an order whose id is in the ledger. */
  async #checkNew(order: Order): Promise<void> {
    if (await this.#components.ledger.hasOrder(order.id))
      throw new OrderRefusedError('The order was placed before')
  }
}
