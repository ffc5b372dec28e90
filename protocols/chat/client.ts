import type { Connection, Stream } from '@libp2p/interface'
import { CHAT_PROTOCOL } from '../constants.ts'
import { InvalidFrameError, PeerLostError, type LobstahError } from '../errors.ts'
import { FrameStream, decodeJson, encodeJson } from '../framing/index.ts'
import type { SignedRecord } from '../records/signed-record.ts'
import { ACCEPT_TIMEOUT_MS, MAX_CHAT_STREAMS, SILENCE_TIMEOUT_MS } from './constants.ts'
import { fromErrorFrame, toErrorFrame } from './errors.ts'
import { contributorFrame, type ConsumerFrame, type ContributorFrame } from './frames.ts'

/** A frame as it came: `payload` are the bytes that a transcript hash covers. */
export interface ReceivedFrame {
  frame: Exclude<ContributorFrame, { type: 'error' }>
  payload: Uint8Array
}

/** A consumer's side of one exchange. */
export class ChatExchange {
  readonly #frames: FrameStream
  readonly #sent: Promise<void>

  constructor(stream: Stream, order: SignedRecord, request: Uint8Array, traceparent?: string) {
    this.#frames = new FrameStream(stream)
    this.#sent = this.#send(order, request, traceparent)
    // A contributor may refuse before it has read everything; its error frame then says why.
    this.#sent.catch(() => undefined)
  }

  /**
   * The contributor's next frame. Throws the contributor's error, PeerLostError when the stream ends,
   * DeadlineError after `timeoutMs` of silence, InvalidFrameError. A contributor that still takes a
   * large request has nothing to say: as long as the request moves, that is no silence.
   */
  async read(options: { signal?: AbortSignal | undefined; timeoutMs?: number } = {}): Promise<ReceivedFrame> {
    const payload = await this.#frames.read({ timeoutMs: SILENCE_TIMEOUT_MS, ...options })
    const frame = decodeJson(contributorFrame, payload)
    if (frame.type === 'error') throw fromErrorFrame(frame)
    return { frame, payload }
  }

  /** Countersigns a receipt. */
  async acknowledge(acknowledgement: SignedRecord): Promise<void> {
    await this.#write({ type: 'acknowledgement', acknowledgement })
  }

  /** Asks the contributor to stop; it answers with a last receipt and `end`. */
  async cancel(): Promise<void> {
    await this.#write({ type: 'cancel' })
  }

  /** Ends the exchange after its last frame. */
  async close(): Promise<void> {
    await this.#frames.close()
  }

  /** Ends the exchange at once; says why where the stream still takes it. */
  async abort(reason: LobstahError): Promise<void> {
    const { stream } = this.#frames
    // Best effort: the stream may be what broke, and where there is no room the reset comes first anyway.
    const useful = !(reason instanceof PeerLostError) && !stream.writableNeedsDrain
    if (useful) await this.#write(toErrorFrame(reason)).catch(() => undefined)
    stream.abort(reason)
  }

  async #send(order: SignedRecord, request: Uint8Array, traceparent?: string): Promise<void> {
    await this.#frames.write(encodeJson({ type: 'order', order, traceparent }))
    await this.#frames.write(request)
  }

  async #write(frame: ConsumerFrame): Promise<void> {
    await this.#frames.write(encodeJson(frame), { signal: AbortSignal.timeout(1000) })
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
    throw new PeerLostError('The contributor did not take a chat stream', { cause: err })
  }
  return new ChatExchange(stream, order, request, options.traceparent)
}

/** Takes the first answer to an order. Throws InvalidFrameError when it is not `accepted`. */
export async function readAccepted(
  exchange: ChatExchange,
  options: { signal?: AbortSignal } = {}
): Promise<{ position: number }> {
  const { frame } = await exchange.read({ ...options, timeoutMs: ACCEPT_TIMEOUT_MS })
  if (frame.type !== 'accepted') throw new InvalidFrameError(`Expected accepted, got ${frame.type}`)
  return { position: frame.position }
}
