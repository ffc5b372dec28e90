import { pEvent } from 'p-event'
import * as varint from 'uint8-varint'
import { Uint8ArrayList } from 'uint8arraylist'
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { DeadlineError, InvalidFrameError, PeerLostError } from '../errors.ts'
import {
  LINGER_MS,
  MAX_FRAME_BYTES,
  MAX_PREFIX_BYTES,
  READ_HIGH_WATER_BYTES,
  WRITE_TIMEOUT_MS
} from './constants.ts'

export interface FrameReadOptions {
  signal?: AbortSignal | undefined
  /** Longest frame to take, in bytes. @default 1 MiB */
  max?: number
  /** Longest wait for the frame while nothing that is being sent moves either, in milliseconds. @default unbounded */
  timeoutMs?: number
}

/**
 * Length-prefixed frames over a libp2p stream, with back-pressure both ways: `read` pauses the stream while
 * no one reads, `write` waits for room. A stream that ends between or within frames is a lost peer.
 */
export class FrameStream {
  readonly stream: Stream
  readonly #buffer = new Uint8ArrayList()
  #wake: PromiseWithResolvers<void> | undefined
  /** Bytes that the frame being read needs in all; more than the high-water mark for a large frame. */
  #wanted = 0
  #failure: Error | undefined
  #ended = false
  #closing = false

  constructor(stream: Stream) {
    this.stream = stream
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('end', this.#onEnd)
    stream.addEventListener('close', this.#onClose)
    this.#ended = stream.readableEnded
  }

  /**
   * The next frame's payload. Throws PeerLostError at the end, InvalidFrameError when it is too long, DeadlineError
   * when it does not come in time.
   */
  async read(options: FrameReadOptions = {}): Promise<Uint8Array> {
    const { signal, max = MAX_FRAME_BYTES, timeoutMs = Infinity } = options
    const begun = performance.now()
    try {
      for (;;) {
        const frame = this.#take(max)
        if (frame !== undefined) return frame
        if (this.#failure !== undefined) throw new PeerLostError(undefined, { cause: this.#failure })
        if (this.#ended) throw new PeerLostError('The peer ended the stream without a final frame')
        await this.#more(signal, timeoutMs - (performance.now() - begun))
      }
    } finally {
      this.#wanted = 0
    }
  }

  /**
   * Sends one frame; resolves when there is room for the next. Throws PeerLostError on a dead stream, or when
   * the peer makes no room for `WRITE_TIMEOUT_MS`.
   */
  async write(payload: Uint8Array, options: { signal?: AbortSignal } = {}): Promise<void> {
    try {
      if (this.stream.send(new Uint8ArrayList(varint.encode(payload.byteLength), payload))) return
      // A drain makes room for a part only of a frame that is larger than the window.
      do {
        await pEvent(this.stream, 'drain', {
          rejectionEvents: ['close'],
          timeout: WRITE_TIMEOUT_MS,
          ...options
        })
      } while (this.stream.writableNeedsDrain)
    } catch (err) {
      options.signal?.throwIfAborted()
      throw new PeerLostError(undefined, { cause: err instanceof Error ? err : this.#failure })
    }
  }

  /**
   * Closes this end, and waits `graceMs` for the peer to close its own before the stream is reset. Frames that still
   * come go to a reader, or are dropped: a peer whose frames are held up would never get to its end.
   */
  async close(graceMs = LINGER_MS): Promise<void> {
    const signal = AbortSignal.timeout(graceMs)
    this.#closing = true
    try {
      this.#drop()
      await this.stream.close({ signal })
      if (this.stream.status === 'open' || this.stream.status === 'closing') {
        await pEvent(this.stream, 'close', { signal })
      }
    } catch (err) {
      this.stream.abort(err instanceof Error ? err : new PeerLostError())
    }
  }

  #take(max: number): Uint8Array | undefined {
    const available = this.#buffer.byteLength
    if (available === 0) return undefined
    let length: number
    try {
      length = varint.decode(this.#buffer)
    } catch (err) {
      if (available < MAX_PREFIX_BYTES) return undefined
      throw new InvalidFrameError('A frame has no valid length', { cause: err })
    }
    if (length > max) throw new InvalidFrameError(`A frame of ${length} bytes is over the limit of ${max}`)
    const start = varint.encodingLength(length)
    // Written in more bytes than it needs, a length would end elsewhere than `start`.
    if (this.#buffer.get(start - 1) >= 0x80) throw new InvalidFrameError('A frame has no valid length')
    this.#wanted = start + length
    if (available < this.#wanted) return undefined
    const frame = this.#buffer.subarray(start, this.#wanted)
    this.#buffer.consume(this.#wanted)
    return frame
  }

  async #more(signal: AbortSignal | undefined, timeoutMs: number): Promise<void> {
    signal?.throwIfAborted()
    this.#wake = Promise.withResolvers()
    const wake = this.#wake
    let unsent = this.stream.writeBufferLength
    const check = (): void => {
      const moves = this.stream.writeBufferLength !== unsent
      unsent = this.stream.writeBufferLength
      if (moves) timer = setTimeout(check, timeoutMs)
      else wake.reject(new DeadlineError('The peer was silent for too long'))
    }
    let timer = timeoutMs === Infinity ? undefined : setTimeout(check, timeoutMs)
    const onAbort = (): void => wake.reject(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      if (this.stream.readStatus === 'paused') this.stream.resume()
      await wake.promise
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      this.#wake = undefined
    }
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    this.#buffer.append(event.data)
    if (this.#wake !== undefined) this.#wake.resolve()
    if (this.#buffer.byteLength < Math.max(READ_HIGH_WATER_BYTES, this.#wanted)) return
    if (this.#closing) this.#drop()
    else if (this.stream.readStatus === 'readable') this.stream.pause()
  }

  #drop(): void {
    if (this.#wake !== undefined || this.#buffer.byteLength < READ_HIGH_WATER_BYTES) return
    this.#buffer.consume(this.#buffer.byteLength)
    if (this.stream.readStatus === 'paused') this.stream.resume()
  }

  readonly #onEnd = (): void => {
    this.#ended = true
    this.#wake?.resolve()
  }

  readonly #onClose = (event: StreamCloseEvent): void => {
    if (event.error !== undefined) this.#failure = event.error
    else if (this.stream.readStatus !== 'paused') this.#ended = true
    this.#wake?.resolve()
  }
}

/** An AbortSignal that fires when the stream is reset or its connection is lost. */
export function streamSignal(stream: Stream): AbortSignal {
  const controller = new AbortController()
  const fire = (event?: StreamCloseEvent): void => {
    controller.abort(new PeerLostError(undefined, { cause: event?.error }))
  }
  if (stream.status === 'open') stream.addEventListener('close', fire, { once: true })
  else fire()
  return controller.signal
}
