import type { Connection, Stream } from '@libp2p/interface'
import {
  CancelledError,
  InvalidFrameError,
  OrderRefusedError,
  toLobstahError,
  type LobstahError
} from '../errors.ts'
import { Exchange, MAX_REQUEST_BYTES, streamSignal } from '../framing/index.ts'
import type { SignedRecord } from '../records/signed-record.ts'
import { ACCEPT_TIMEOUT_MS, MAX_CONSUMER_FRAME_BYTES, REQUEST_TIMEOUT_MS } from './constants.ts'
import { consumerFrame, type ConsumerFrame, type ContributorFrame, type OrderFrame } from './frames.ts'

type ContributorExchange = Exchange<ConsumerFrame, ContributorFrame>

/** A contributor's side of one exchange. */
export class ChatSession {
  readonly peer: string
  readonly order: SignedRecord
  /** The consumer's trace context, where it sent one. */
  readonly traceparent: string | undefined
  /** Fires when the consumer cancels, breaks the protocol or is lost, or with `stop`; the reason is a LobstahError. */
  readonly signal: AbortSignal
  /** When the latest frame was sent, in milliseconds of the monotonic clock. */
  lastSent = performance.now()
  readonly #exchange: ContributorExchange
  readonly #cancel = new AbortController()
  #listening = false

  constructor(exchange: ContributorExchange, peer: string, { order, traceparent }: OrderFrame) {
    this.#exchange = exchange
    this.peer = peer
    this.order = order
    this.traceparent = traceparent
    this.signal = AbortSignal.any([streamSignal(exchange.frames.stream), this.#cancel.signal])
  }

  /**
   * Reads the request document, of at most `max` bytes. Call it when the order is found good and there is room for it.
   * Throws OrderRefusedError when it is longer.
   */
  async readRequest(max = MAX_REQUEST_BYTES): Promise<Uint8Array> {
    const { signal } = this
    try {
      return await this.#exchange.frames.read({ signal, timeoutMs: REQUEST_TIMEOUT_MS, max, reserved: true })
    } catch (err) {
      if (!(err instanceof InvalidFrameError)) throw err
      throw new OrderRefusedError('The request is longer than ordered', { cause: err })
    }
  }

  /**
   * Reads the consumer's frames until the stream ends, and passes each acknowledgement to `onAcknowledgement`.
   * Never rejects: failures abort `signal`.
   */
  async listen(onAcknowledgement: (record: SignedRecord) => Promise<void>): Promise<void> {
    this.#listening = true
    try {
      for (;;) {
        const { frame } = await this.#exchange.read({ max: MAX_CONSUMER_FRAME_BYTES })
        switch (frame.type) {
          case 'acknowledgement':
            await onAcknowledgement(frame.acknowledgement)
            break
          case 'cancel':
            this.#cancel.abort(new CancelledError())
            break
          case 'order':
            throw new InvalidFrameError('The stream already has its order')
          default:
            frame satisfies never
        }
      }
    } catch (err) {
      this.#cancel.abort(toLobstahError(err))
    }
  }

  /** Ends the answer on this side: `signal` fires with the reason, which the consumer is told. */
  stop(reason: LobstahError): void {
    this.#cancel.abort(reason)
  }

  /** Whether the consumer's frames are being read. */
  get listening(): boolean {
    return this.#listening
  }

  /** Whether frames still reach the consumer. */
  get writable(): boolean {
    return this.#exchange.frames.stream.writeStatus === 'writable'
  }

  /** Sends a frame; resolves when there is room for the next. Throws PeerLostError. */
  async send(frame: ContributorFrame): Promise<void> {
    this.lastSent = performance.now()
    await this.#exchange.send(frame)
  }

  /** Sends an encoded frame. */
  async sendPayload(payload: Uint8Array): Promise<void> {
    this.lastSent = performance.now()
    await this.#exchange.frames.write(payload)
  }
}

/** Serves one exchange. A handler that returns has sent `end`; anything it throws is sent as an `error`. */
export type ChatHandler = (session: ChatSession, connection: Connection) => Promise<void>

/**
 * Reads the order, runs the handler, and always ends the stream; resolves to the error, if any. `admit` throws if the
 * peer is not served at all: then none of its data is read or stored.
 */
export async function serveChat(
  stream: Stream,
  connection: Connection,
  handler: ChatHandler,
  admit: (peer: string) => void = () => undefined
): Promise<LobstahError | undefined> {
  const exchange: ContributorExchange = new Exchange(stream, consumerFrame)
  const peer = connection.remotePeer.toString()
  let session: ChatSession | undefined
  try {
    admit(peer)
    const { frame } = await exchange.read({
      timeoutMs: ACCEPT_TIMEOUT_MS,
      max: MAX_CONSUMER_FRAME_BYTES,
      first: true
    })
    if (frame.type !== 'order') throw new InvalidFrameError(`Expected order, got ${frame.type}`)
    session = new ChatSession(exchange, peer, frame)
    await handler(session, connection)
    await exchange.close()
    return undefined
  } catch (thrown) {
    const err = toLobstahError(thrown)
    // If nothing was accepted, there is nothing to acknowledge.
    await (session?.listening === true ? exchange.fail(err) : exchange.refuse(err))
    return err
  }
}
