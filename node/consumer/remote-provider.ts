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
  type InferenceRequest,
  type OfferedModel,
  type Provider,
  type Route
} from '../../protocols/index.ts'
import { bestConnection, routeOf, type Contributor } from '../discovery/index.ts'
import { Purchase, type PurchaseComponents } from './purchase.ts'
import type { Libp2p } from '@libp2p/interface'

export interface RemoteProviderComponents extends PurchaseComponents {
  libp2p: Libp2p
  log: Logger
  /** Keeps the node alive until a settlement in the background is done. */
  background: (work: Promise<void>) => void
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

  models(): OfferedModel[] {
    return this.#contributor.announcement.models
  }

  async *infer(
    request: InferenceRequest,
    options: { signal?: AbortSignal } = {}
  ): AsyncGenerator<AnswerEvent> {
    const { signal } = options
    signal?.throwIfAborted()
    const wanted = canonicalModelName(request.model)
    const model = this.models().find(({ id }) => canonicalModelName(id) === wanted)
    if (model === undefined) throw new ModelNotFoundError()
    const connection = this.#connection()
    if (connection === undefined) throw new PeerLostError()
    const purchase = await Purchase.place(request, model, this.peer, this.#components)
    const exchange = await openChat(connection, purchase.record, purchase.document, { signal })
    let ended = false
    try {
      await readAccepted(exchange, { signal })
      yield { type: 'accepted', peer: this.peer, route: routeOf(connection), model: model.id }
      for await (const event of follow(exchange, purchase, signal)) {
        ended = event.type === 'end'
        yield event
      }
    } catch (err) {
      if (signal?.aborted !== true) {
        ended = true
        await exchange.abort(toLobstahError(err))
      }
      throw err
    } finally {
      if (!ended) this.#components.background(this.#cancel(exchange, purchase))
      else this.#components.background(exchange.close())
    }
  }

  #connection(): Connection | undefined {
    return bestConnection(this.#components.libp2p, this.#contributor.id)
  }

  /** The client has gone: stops the contributor, and pays for what it delivered. */
  async #cancel(exchange: ChatExchange, purchase: Purchase): Promise<void> {
    const signal = AbortSignal.timeout(SETTLE_TIMEOUT_MS)
    try {
      await exchange.cancel()
      for await (const event of follow(exchange, purchase, signal)) if (event.type === 'end') break
      await exchange.close()
    } catch (err) {
      this.#components.log('an order with %s was cancelled but not settled - %e', this.peer, err)
      await exchange.abort(new CancelledError())
    }
  }
}

/** The contributor's frames as events; the end only after the final receipt is kept and countersigned. */
async function* follow(
  exchange: ChatExchange,
  purchase: Purchase,
  signal: AbortSignal | undefined
): AsyncGenerator<AnswerEvent> {
  for (;;) {
    const { frame, payload } = await exchange.read({ signal })
    if (frame.type === 'delta') {
      const { type, ...delta } = frame
      purchase.delivered(delta, payload)
      yield { type, delta }
    } else if (frame.type === 'receipt') {
      await purchase.receipt(frame.receipt, exchange)
    } else if (frame.type === 'end') {
      const { finishReason, usage } = frame
      yield { type: 'end', finishReason, usage, receipt: await purchase.settled() }
      return
    } else if (frame.type === 'status') {
      yield frame
    } else {
      throw new InvalidFrameError('The order was accepted before')
    }
  }
}
