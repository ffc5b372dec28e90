import {
  OrderRefusedError,
  MAX_WAIT_MS,
  RECEIPT_INTERVAL_TOKENS,
  certainPromptTokens,
  orderedRequestBytes,
  type ChatSession,
  type InferenceRequest,
  type OfferedModel,
  type Order,
  type Usage
} from '../../../protocols/index.ts'
import type { EngineEvent } from '../../engines/engine.ts'
import { TokenBounds } from '../../tokens/index.ts'
import { answer, heartbeat } from '../answers/answer.ts'
import { countPrompt, engineEvents } from '../answers/engine-events.ts'
import type { ContributorComponents, OwnerRules } from '../index.ts'
import type { Offers } from '../offers/offers.ts'
import type { Credit } from '../settling/credit.ts'
import { expectedPromptTokens } from '../settling/expected-prompt.ts'
import { Meter } from '../settling/meter.ts'
import { PrefillPace } from '../settling/prefill-pace.ts'
import type { Reservation } from '../settling/reservation.ts'
import { Settlement } from '../settling/settlement.ts'
import type { Admission } from './admission.ts'
import { checkRequest } from './check-request.ts'
import type { Share } from './fair-queue.ts'
import { RecentOrders } from './recent-orders.ts'
import { ServedOrders } from './served-orders.ts'
import { workOf, type ServiceTimes } from './service-times.ts'
import type { Ticket, Used } from './ticket.ts'
import { verifyOrder } from './verify-order.ts'

export interface OrdersComponents extends ContributorComponents {
  offers: Offers
  admission: Admission
  /** What each peer gets of the engine. */
  shareOf: (peer: string) => Share
  times: ServiceTimes
  credit: Credit
}

/** An order that is being answered. */
interface Work {
  order: Order
  model: OfferedModel
  request: InferenceRequest
  ticket: Ticket
  /** What it is expected to take, in tokens. */
  expectedWork: number
  /** Told what it took. */
  onUsed: (usage: Usage) => void
  /** Resolves when the order is known to be none that was placed before. */
  isNew: Promise<void>
  reservation: Reservation
}

/** Takes orders: checks them, lets them wait for their turn, and has them answered and settled. */
export class Orders {
  readonly #components: OrdersComponents
  /** Those being served, so that a copy that comes before the ledger has the first is refused too. */
  readonly #serving = new Set<string>()
  readonly #recent = new RecentOrders()
  readonly #pace = new PrefillPace()
  /** Those being answered. */
  readonly served = new ServedOrders()

  constructor(components: OrdersComponents) {
    this.#components = components
  }

  /** The ids of the orders that are being served. */
  get serving(): ReadonlySet<string> {
    return this.#serving
  }

  /** Serves one order. Throws LobstahErrors, for the consumer. */
  async serve(session: ChatSession): Promise<void> {
    const { peer: contributor, now } = this.#components
    const context = { peer: session.peer, contributor, models: this.#components.offers.served, now: now() }
    const { order, model } = await verifyOrder(session.order, context)
    if (session.traceparent !== undefined)
      this.#components.log('order %s has trace context %s', order.id, session.traceparent)
    if (this.#serving.has(order.id) || this.#recent.has(order.id))
      throw new OrderRefusedError('The order was placed before')
    this.#serving.add(order.id)
    let ticket: Ticket | undefined
    let used: Used | undefined
    let reservation: Reservation | undefined
    try {
      const bytes = orderedRequestBytes(order)
      // A place comes first: what waits for the engine's word holds memory too.
      ticket = this.#components.admission.enter({
        share: this.#components.shareOf(session.peer),
        bytes,
        ...(order.tier === undefined ? {} : { tier: order.tier })
      })
      await this.#components.offers.checkCurrent(model)
      // The ledger is asked while the document comes and the engine begins.
      const isNew = this.#checkNew(order)
      isNew.catch(() => undefined)
      const document = await session.readRequest(bytes)
      const request = checkRequest(document, order, model)
      const promptTokens = Math.min(expectedPromptTokens(request, document.byteLength), order.maxPromptTokens)
      reservation = this.#components.credit.reserve(order.consumer, order.price, {
        promptTokens,
        completionTokens: Math.min(RECEIPT_INTERVAL_TOKENS, order.maxCompletionTokens)
      })
      const expectedWork = this.#components.times.expectedWork(request, promptTokens)
      const onUsed = (usage: Usage): void => {
        used = { work: workOf(usage), completionTokens: usage.completionTokens }
      }
      await this.#answer(session, { order, model, request, ticket, expectedWork, onUsed, isNew, reservation })
    } finally {
      reservation?.release()
      ticket?.leave(used)
      this.#serving.delete(order.id)
      const ended = this.served.end(order.id)
      if (ended !== undefined) this.#components.observer?.ended?.(ended)
    }
  }

  async #answer(session: ChatSession, work: Work): Promise<void> {
    const { order, model, request, ticket, expectedWork, onUsed, isNew, reservation } = work
    const { engine, ledger, privateKey, now, owner } = this.#components
    const count = counter(owner)
    this.#recent.add(order, now())
    const keepOrder = (): Promise<void> => ledger.append([{ kind: 'order', record: session.order }])
    const settlement = new Settlement(session, keepOrder, {
      ledger,
      privateKey,
      onKept: (receipt) => {
        reservation.kept(receipt.credits)
        count(receipt)
      }
    })
    const serving = this.served.begin(order, session, now())
    void session.listen((record) => settlement.acknowledge(record))
    const turn = ticket.turn(session.signal, expectedWork)
    turn.catch(() => undefined)
    const position = ticket.position()
    await session.send({ type: 'accepted', position, ...waitOf(ticket) })
    const stopHeartbeat = heartbeat(
      session,
      () => 'queued',
      () => ({ position: ticket.position(), ...waitOf(ticket) })
    )
    try {
      await turn
    } finally {
      stopHeartbeat()
    }
    // It may have been replaced while the order waited.
    if (position > 0) await this.#components.offers.checkCurrent(model, true)
    const handover = owner === undefined ? ticket.handover : AbortSignal.any([ticket.handover, owner.over])
    const meter = new Meter(order, session.order, {
      now,
      reservation,
      readIn: (ms) => this.#pace.tokensIn(request.model, ms),
      promptTokens: certainPromptTokens(request),
      bounds: new TokenBounds(request)
    })
    serving.runs(meter)
    const counting = countPrompt(engine, request, session.signal).then((tokens) => {
      if (tokens !== undefined) meter.counted(tokens)
    })
    try {
      const events = (): AsyncIterable<EngineEvent> =>
        serving.follow(engineEvents(engine, request, AbortSignal.any([session.signal, handover])))
      const usage = await answer(events, { session, meter, settlement, isNew, handover })
      const { promptTokens, cachedTokens = 0 } = usage
      onUsed(usage)
      serving.succeeds()
      if (meter.readMs !== undefined)
        this.#pace.observe(request.model, promptTokens - cachedTokens, meter.readMs)
      await counting
    } catch (err) {
      onUsed(meter.usage)
      throw await this.#components.offers.explained(request.model, err)
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

/** Counts what receipts, which are cumulative, add to what peers got. */
function counter(owner: OwnerRules | undefined): (receipt: Usage) => void {
  let counted = 0
  return ({ promptTokens, completionTokens }) => {
    const tokens = promptTokens + completionTokens
    owner?.used(tokens - counted)
    counted = tokens
  }
}

/** The expected wait, where it is known. */
function waitOf(ticket: Ticket): { waitMs?: number } {
  const waitMs = ticket.waitMs()
  return waitMs === undefined ? {} : { waitMs: Math.min(waitMs, MAX_WAIT_MS) }
}
