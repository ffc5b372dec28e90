import type { Connection, Logger } from '@libp2p/interface'
import {
  CancelledError,
  InvalidFrameError,
  ModelNotFoundError,
  PeerLostError,
  SETTLE_TIMEOUT_MS,
  canonicalModelName,
  openChat,
  readAccepted,
  toLobstahError,
  type AnswerEvent,
  type ChatExchange,
  type InferOptions,
  type InferenceRequest,
  type LobstahError,
  type OfferedModel,
  type Provider,
  type Route,
  type SignedRecord
} from '../../protocols/index.ts'
import { bestConnection, routeOf, type Contributor } from '../discovery/index.ts'
import type { Spending } from './peers/spending.ts'
import { Purchase, type PurchaseComponents } from './settling/purchase.ts'
import type { Purchases } from './settling/purchases.ts'
import type { Libp2p } from '@libp2p/interface'

export interface RemoteProviderComponents extends PurchaseComponents {
  libp2p: Libp2p
  log: Logger
  /** Keeps the node alive until a settlement in the background is done. */
  background: (work: Promise<void>) => void
  purchases: Purchases
  /** Told of what is paid. */
  spending?: Spending
  /** An answer of a contributor broke off, with something left to settle. */
  brokeOff: (peer: string) => void
}

/** A contributor over the wire: one order for each request. */
export class RemoteProvider implements Provider {
  readonly #contributor: Contributor
  readonly #components: RemoteProviderComponents

  constructor(contributor: Contributor, components: RemoteProviderComponents) {
    this.#contributor = contributor
    this.#components = components
  }

  get peer(): string {
    return this.#contributor.peer
  }

  get route(): Route {
    const connection = this.#connection()
    return connection === undefined ? 'relayed' : routeOf(connection)
  }

  /** The latest round trip, in milliseconds; undefined before the first was measured. */
  get roundTripMs(): number | undefined {
    return this.#connection()?.rtt
  }

  models(): OfferedModel[] {
    return this.#contributor.announcement.models
  }

  async *infer(request: InferenceRequest, options: InferOptions = {}): AsyncGenerator<AnswerEvent> {
    const { signal, traceparent, tier, onSpent, beforeReceipt, onReceipt, acceptMs } = options
    signal?.throwIfAborted()
    const wanted = canonicalModelName(request.model)
    const model = this.models().find(({ id }) => canonicalModelName(id) === wanted)
    if (model === undefined) throw new ModelNotFoundError()
    const connection = this.#connection()
    if (connection === undefined) throw new PeerLostError()
    const { purchases } = this.#components
    const paid = this.#components.spending?.follow(this.peer, model)
    const receive = (record: SignedRecord): void => {
      paid?.(record)
      onReceipt?.(record)
    }
    const components = {
      ...this.#components,
      memory: purchases.memory,
      tier,
      onSpent,
      beforeReceipt,
      onReceipt: receive
    }
    const purchase = await Purchase.place(request, model, this.peer, components)
    purchases.begin(purchase)
    let exchange: ChatExchange
    try {
      exchange = await openChat(connection, purchase.record, purchase.document, { signal, traceparent })
    } catch (err) {
      this.#components.background(this.#end(purchase, 'other'))
      throw err
    }
    let [accepted, ended] = [false, false]
    let failure: LobstahError | undefined
    try {
      const timeout = acceptMs === undefined ? {} : { timeoutMs: acceptMs }
      const queued = await readAccepted(exchange, { signal, ...timeout })
      accepted = true
      const place = queued.position > 0 ? { position: queued.position } : {}
      yield { type: 'accepted', peer: this.peer, route: routeOf(connection), model: model.id, ...place }
      if (queued.position > 0) yield { type: 'status', phase: 'queued', ...queued }
      while (!ended) {
        const event = await next(exchange, purchase, signal)
        ended = event.type === 'end'
        yield event
      }
    } catch (err) {
      if (signal?.aborted !== true) failure = toLobstahError(err)
      throw err
    } finally {
      const closing =
        failure !== undefined
          ? fail(exchange, purchase, failure)
          : ended
            ? exchange.close()
            : this.#cancel(exchange, purchase, accepted)
      this.#components.background(
        closing.finally(() => this.#end(purchase, exchange.endedByPeer ? 'contributor' : 'other'))
      )
    }
  }

  #connection(): Connection | undefined {
    return bestConnection(this.#components.libp2p, this.#contributor.id)
  }

  async #end(purchase: Purchase, endedBy: 'contributor' | 'other'): Promise<void> {
    const { purchases, brokeOff } = this.#components
    if (await purchases.end(purchase, endedBy)) brokeOff(this.peer)
  }

  /** The client has gone: stops the contributor, and pays for what it delivered. */
  async #cancel(exchange: ChatExchange, purchase: Purchase, accepted: boolean): Promise<void> {
    const signal = AbortSignal.timeout(SETTLE_TIMEOUT_MS)
    purchase.cancel()
    try {
      await exchange.cancel()
      // It may be on its way still.
      if (!accepted) await readAccepted(exchange, { signal })
      while ((await next(exchange, purchase, signal)).type !== 'end');
      await exchange.close()
    } catch (err) {
      this.#components.log('an order with %s was cancelled but not settled - %e', this.peer, err)
      await fail(exchange, purchase, new CancelledError())
    }
  }
}

/** Ends the exchange when the receipts before the failure are acknowledged: afterwards nothing is said any more. */
async function fail(exchange: ChatExchange, purchase: Purchase, reason: LobstahError): Promise<void> {
  await purchase.idle()
  await exchange.fail(reason)
}

/** The contributor's next frame as an event; the end only after the final receipt is kept and countersigned. */
async function next(
  exchange: ChatExchange,
  purchase: Purchase,
  signal: AbortSignal | undefined
): Promise<AnswerEvent> {
  for (;;) {
    const { frame, payload } = await exchange.read({ signal })
    switch (frame.type) {
      case 'delta': {
        const { type, ...delta } = frame
        purchase.delivered(delta, payload)
        return { type, delta }
      }
      case 'receipt':
        await purchase.receipt(frame.receipt, exchange)
        break
      case 'end': {
        const { finishReason, usage } = frame
        purchase.ended(frame)
        return { type: 'end', finishReason, usage, receipt: await purchase.settled() }
      }
      case 'status':
        purchase.bounds.status(performance.now())
        return frame
      case 'accepted':
        throw new InvalidFrameError('The order was accepted before')
      default:
        frame satisfies never
    }
  }
}
