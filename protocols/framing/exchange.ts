import type { Stream } from '@libp2p/interface'
import type { z } from 'zod'
import { PeerLostError, type LobstahError } from '../errors.ts'
import { LINGER_MS } from './constants.ts'
import { fromErrorFrame, toErrorFrame, type ErrorFrame } from './error-frame.ts'
import { FrameStream, type FrameReadOptions } from './frame-stream.ts'
import { decodeJson, encodeJson } from './json.ts'

/** Most refused exchanges that may wait for their peers to close, over all peers. */
const MAX_REFUSED = 128

interface Typed {
  type: string
}

/** A received frame; `payload` holds its bytes. */
export interface Received<In extends Typed> {
  frame: Exclude<In, ErrorFrame>
  payload: Uint8Array
}

/**
 * One side of an exchange of frames, which an `error` from either side ends: see `protocols/README.md#errors`.
 * Nothing is sent after it, least of all another `error`, and a reset comes late enough for the peer to read it.
 */
export class Exchange<In extends Typed, Out extends Typed> {
  readonly frames: FrameStream
  readonly #schema: z.ZodType<In>
  /** An `error` was sent or received. */
  #over = false
  #endedByPeer = false

  constructor(stream: Stream, schema: z.ZodType<In>) {
    this.frames = new FrameStream(stream)
    this.#schema = schema
  }

  /** Whether the peer has ended the exchange with an `error`. */
  get endedByPeer(): boolean {
    return this.#endedByPeer
  }

  /** The next frame. Throws the peer's error, and what {@link FrameStream.read} and {@link decodeJson} throw. */
  async read(options: FrameReadOptions = {}): Promise<Received<In>> {
    const payload = await this.frames.read(options)
    const frame: In | ErrorFrame = decodeJson(this.#schema, payload)
    if (isError(frame)) {
      this.#over = true
      this.#endedByPeer = true
      throw fromErrorFrame(frame)
    }
    return { frame: frame as Exclude<In, ErrorFrame>, payload }
  }

  /** Sends a frame; resolves when there is room for the next. Throws PeerLostError. */
  async send(frame: Out, options: { signal?: AbortSignal } = {}): Promise<void> {
    await this.frames.write(encodeJson(frame), options)
  }

  /** Ends the exchange after its last frame: closes this side, and waits for the peer to close its own. */
  async close(): Promise<void> {
    await this.frames.close()
  }

  /**
   * Ends the exchange without reading any more of the peer's data: see {@link fail}. If too many exchanges are being
   * refused at once, the peer does not learn why.
   */
  async refuse(reason: LobstahError): Promise<void> {
    this.frames.discard()
    if (refused >= MAX_REFUSED) return this.frames.stream.abort(reason)
    refused++
    try {
      await this.fail(reason)
    } finally {
      refused--
    }
  }

  /** Ends the exchange early: sends the reason unless an `error` has already ended it, then closes. Never rejects. */
  async fail(reason: LobstahError): Promise<void> {
    const { stream } = this.frames
    // Data that still waits for room is useless to a peer that has ended the exchange.
    if (reason instanceof PeerLostError || (this.#over && stream.writableNeedsDrain)) {
      stream.abort(reason)
      return
    }
    const signal = AbortSignal.timeout(LINGER_MS)
    try {
      if (!this.#over) {
        this.#over = true
        await this.frames.write(encodeJson(toErrorFrame(reason)), { signal })
      }
      await this.frames.close()
    } catch {
      stream.abort(reason)
    }
  }
}

/** Refused exchanges of this process that wait for their peers to close. */
let refused = 0

function isError(frame: Typed): frame is ErrorFrame {
  return frame.type === 'error'
}
