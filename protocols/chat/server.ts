import type { Connection, Stream } from '@libp2p/interface'
import { CancelledError, toLobstahError, PeerLostError, type LobstahError } from '../errors.ts'
import { FrameStream, MAX_REQUEST_BYTES, decodeJson, encodeJson, streamSignal } from '../framing/index.ts'
import type { SignedRecord } from '../records/signed-record.ts'
import { ACCEPT_TIMEOUT_MS, REQUEST_TIMEOUT_MS } from './constants.ts'
import { fromErrorFrame, toErrorFrame } from './errors.ts'
import { consumerFrame, orderFrame, type ContributorFrame, type OrderFrame } from './frames.ts'

/** A contributor's side of one exchange. */
export class ChatSession {
  readonly peer: string
  readonly order: SignedRecord
  /** The consumer's trace context, where it sent one. */
  readonly traceparent: string | undefined
  /** Fires when the consumer cancels, breaks the protocol or is lost; the reason is a LobstahError. */
  readonly signal: AbortSignal
  /** When the latest frame was sent, in milliseconds of the monotonic clock. */
  lastSent = performance.now()
  readonly #frames: FrameStream
  readonly #cancel = new AbortController()

  constructor(frames: FrameStream, peer: string, { order, traceparent }: OrderFrame) {
    this.#frames = frames
    this.peer = peer
    this.order = order
    this.traceparent = traceparent
    this.signal = AbortSignal.any([streamSignal(frames.stream), this.#cancel.signal])
  }

  /** Reads the request document. Call it once the order is found good: it may be long. */
  async readRequest(): Promise<Uint8Array> {
    const { signal } = this
    return await this.#frames.read({ signal, timeoutMs: REQUEST_TIMEOUT_MS, max: MAX_REQUEST_BYTES })
  }

  /**
   * Takes the consumer's frames until the stream ends, and gives each acknowledgement to `onAcknowledgement`.
   * Never rejects: what goes wrong aborts `signal`.
   */
  async listen(onAcknowledgement: (record: SignedRecord) => Promise<void>): Promise<void> {
    try {
      for (;;) {
        const frame = decodeJson(consumerFrame, await this.#frames.read())
        if (frame.type === 'acknowledgement') await onAcknowledgement(frame.acknowledgement)
        else if (frame.type === 'cancel') this.#cancel.abort(new CancelledError())
        else throw fromErrorFrame(frame)
      }
    } catch (err) {
      this.#cancel.abort(toLobstahError(err))
    }
  }

  /** Whether frames still reach the consumer. */
  get writable(): boolean {
    return this.#frames.stream.writeStatus === 'writable'
  }

  /** Sends a frame; resolves when there is room for the next. Throws PeerLostError. */
  async send(frame: ContributorFrame): Promise<void> {
    await this.sendPayload(encodeJson(frame))
  }

  /** Sends a frame that is encoded already. */
  async sendPayload(payload: Uint8Array): Promise<void> {
    this.lastSent = performance.now()
    await this.#frames.write(payload)
  }
}

/** Serves one exchange. A handler that returns has sent `end`; what it throws is sent as an `error`. */
export type ChatHandler = (session: ChatSession, connection: Connection) => Promise<void>

/** Reads the order, runs the handler, and closes the stream whatever happens. */
export async function serveChat(
  stream: Stream,
  connection: Connection,
  handler: ChatHandler
): Promise<LobstahError | undefined> {
  const frames = new FrameStream(stream)
  try {
    const order = decodeJson(orderFrame, await frames.read({ timeoutMs: ACCEPT_TIMEOUT_MS }))
    await handler(new ChatSession(frames, connection.remotePeer.toString(), order), connection)
    await frames.close()
    return undefined
  } catch (thrown) {
    const err = toLobstahError(thrown)
    await refuse(frames, err)
    return err
  }
}

async function refuse(frames: FrameStream, err: LobstahError): Promise<void> {
  try {
    if (!(err instanceof PeerLostError)) {
      await frames.write(encodeJson(toErrorFrame(err)), { signal: AbortSignal.timeout(1000) })
      await frames.close(1000)
    }
  } catch (cause) {
    frames.stream.abort(toLobstahError(cause))
  } finally {
    if (frames.stream.status === 'open') frames.stream.abort(err)
  }
}
