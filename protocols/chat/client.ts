import type { Connection, Stream } from '@libp2p/interface'
import { CHAT_PROTOCOL } from '../constants.ts'
import { InvalidFrameError, PeerLostError, type LobstahError } from '../errors.ts'
import { Exchange, encodeJson, type Received } from '../framing/index.ts'
import type { SignedRecord } from '../records/signed-record.ts'
import { ACCEPT_TIMEOUT_MS, MAX_CHAT_STREAMS, SEND_TIMEOUT_MS, SILENCE_TIMEOUT_MS } from './constants.ts'
import { contributorFrame, type ConsumerFrame, type ContributorFrame, type OrderFrame } from './frames.ts'

/** A consumer's side of one exchange. */
export class ChatExchange {
  readonly #exchange: Exchange<ContributorFrame, ConsumerFrame>

  constructor(stream: Stream, order: SignedRecord, request: Uint8Array, traceparent?: string) {
    this.#exchange = new Exchange(stream, contributorFrame)
    // A contributor may refuse before it has read everything; its error frame then gives the reason.
    this.#place({ type: 'order', order, traceparent }, request).catch(() => undefined)
  }

  /**
   * The contributor's next frame. Throws the contributor's error, PeerLostError when the stream ends,
   * DeadlineError after `timeoutMs` of silence, or InvalidFrameError. While a contributor is still
   * receiving a large request, progress of the request counts as activity.
   */
  async read(
    options: { signal?: AbortSignal | undefined; timeoutMs?: number } = {}
  ): Promise<Received<ContributorFrame>> {
    return await this.#exchange.read({ timeoutMs: SILENCE_TIMEOUT_MS, ...options })
  }

  /** Whether the contributor has ended the exchange with an `error`. */
  get endedByPeer(): boolean {
    return this.#exchange.endedByPeer
  }

  /** Countersigns a receipt. */
  async acknowledge(acknowledgement: SignedRecord): Promise<void> {
    await this.#send({ type: 'acknowledgement', acknowledgement })
  }

  /** Asks the contributor to stop; it answers with a last receipt and `end`. */
  async cancel(): Promise<void> {
    await this.#send({ type: 'cancel' })
  }

  /** Ends the exchange after its last frame. */
  async close(): Promise<void> {
    await this.#exchange.close()
  }

  /** Ends the exchange early, with the reason unless the contributor ended it, and stops reading: see {@link Exchange.refuse}. */
  async fail(reason: LobstahError): Promise<void> {
    await this.#exchange.refuse(reason)
  }

  async #place(order: OrderFrame, request: Uint8Array): Promise<void> {
    const { frames } = this.#exchange
    await frames.write(encodeJson(order))
    await frames.write(request)
  }

  async #send(frame: ConsumerFrame): Promise<void> {
    await this.#exchange.send(frame, { signal: AbortSignal.timeout(SEND_TIMEOUT_MS) })
  }
}

/** Opens an exchange on a connection, relayed or not. Throws PeerLostError when the stream does not open. */
export async function openChat(
  connection: Connection,
  order: SignedRecord,
  request: Uint8Array,
  options: { signal?: AbortSignal; traceparent?: string } = {}
): Promise<ChatExchange> {
  options.signal?.throwIfAborted()
  const signal = AbortSignal.any([
    AbortSignal.timeout(ACCEPT_TIMEOUT_MS),
    ...(options.signal ? [options.signal] : [])
  ])
  let stream: Stream
  try {
    stream = await connection.newStream(CHAT_PROTOCOL, {
      signal,
      runOnLimitedConnection: true,
      maxOutboundStreams: MAX_CHAT_STREAMS
    })
  } catch (err) {
    options.signal?.throwIfAborted()
    throw new PeerLostError('The contributor did not accept a chat stream', { cause: err })
  }
  return new ChatExchange(stream, order, request, options.traceparent)
}

/** Reads the first answer to an order. Throws InvalidFrameError if it is not `accepted`. */
export async function readAccepted(
  exchange: ChatExchange,
  options: { signal?: AbortSignal | undefined; timeoutMs?: number } = {}
): Promise<Omit<Extract<ContributorFrame, { type: 'accepted' }>, 'type'>> {
  const { frame } = await exchange.read({ timeoutMs: ACCEPT_TIMEOUT_MS, ...options })
  if (frame.type !== 'accepted') throw new InvalidFrameError(`Expected accepted, got ${frame.type}`)
  const { position, waitMs } = frame
  return { position, ...(waitMs === undefined ? {} : { waitMs }) }
}
