import { pEvent } from 'p-event'
import * as varint from 'uint8-varint'
import { Uint8ArrayList } from 'uint8arraylist'
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { DeadlineError, InvalidFrameError, PeerLostError } from '../errors.ts'
import { ByteQueue } from './byte-queue.ts'
import {
  FRAME_TIMEOUT_MS,
  LINGER_MS,
  MAX_FRAME_BYTES,
  MAX_PREFIX_BYTES,
  READ_HIGH_WATER_BYTES,
  WRITE_TIMEOUT_MS
} from './constants.ts'
import { unfinishedFrames } from './unfinished-frames.ts'

export interface FrameReadOptions {
  signal?: AbortSignal | undefined
  /** Longest frame to take, in bytes. @default 1 MiB */
  max?: number
  /** Longest wait for the frame while nothing that is being sent moves either, in milliseconds. @default unbounded */
  timeoutMs?: number
  /** This is the first frame of a stream that the peer opened: it has begun before its first byte. @default false */
  first?: boolean
  /**
   * The reader has set this memory aside for the frame: it counts as no unfinished frame, and only `timeoutMs` bounds its
   * time. @default false
   */
  reserved?: boolean
}

/** A timer that fires so many milliseconds late shows that this process stood still. */
const MAX_LATENESS_MS = 200

/**
 * Length-prefixed frames over a libp2p stream, with back-pressure both ways: `read` pauses the stream while
 * no one reads, `write` waits for room. A stream that ends between or within frames is a lost peer. A frame that has
 * begun must be whole in {@link FRAME_TIMEOUT_MS}, and all unfinished ones together are bounded.
 */
export class FrameStream {
  readonly stream: Stream
  readonly #buffer = new ByteQueue()
  #wake: PromiseWithResolvers<void> | undefined
  /** Bytes that the frame being read needs in all; more than the high-water mark for a large frame. */
  #wanted = 0
  #failure: Error | undefined
  #ended = false
  #closing = false
  #discarding = false

  constructor(stream: Stream) {
    this.stream = stream
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('end', this.#onEnd)
    stream.addEventListener('close', this.#onClose)
    this.#ended = stream.readableEnded
  }

  /**
   * The next frame's payload. Throws PeerLostError at the end, InvalidFrameError when it is too long, DeadlineError
   * when it does not come in time, BusyError when too many frames of all peers are unfinished.
   */
  async read(options: FrameReadOptions = {}): Promise<Uint8Array> {
    const { signal, max = MAX_FRAME_BYTES, timeoutMs = Infinity, first = false, reserved = false } = options
    const asked = performance.now()
    let begun: number | undefined
    try {
      for (;;) {
        const frame = this.#take(max)
        if (frame !== undefined) return frame
        if (this.#failure !== undefined) throw new PeerLostError(undefined, { cause: this.#failure })
        if (this.#ended) throw new PeerLostError('The peer ended the stream without a final frame')
        const now = performance.now()
        if (!reserved && (first || this.#buffer.byteLength > 0)) {
          begun ??= now
          unfinishedFrames.hold(this, this.#buffer.byteLength)
        }
        const wholeMs = begun === undefined ? Infinity : FRAME_TIMEOUT_MS - (now - begun)
        await this.#more(signal, timeoutMs - (now - asked), wholeMs)
      }
    } finally {
      this.#wanted = 0
      unfinishedFrames.release(this)
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

  /** Drops what was not read, and all that still comes. */
  discard(): void {
    this.#discarding = true
    this.#buffer.clear()
    if (this.stream.readStatus === 'paused') this.stream.resume()
  }

  /** Ends a read: see {@link unfinishedFrames}. */
  giveUp(reason: Error): void {
    this.#failure ??= reason
    this.#wake?.reject(reason)
  }

  #take(max: number): Uint8Array | undefined {
    const { byteLength: available, bytes } = this.#buffer
    if (available === 0) return undefined
    let length: number
    try {
      length = varint.decode(bytes)
    } catch (err) {
      if (available < MAX_PREFIX_BYTES) return undefined
      throw new InvalidFrameError('A frame has no valid length', { cause: err })
    }
    if (length > max) throw new InvalidFrameError(`A frame of ${length} bytes is over the limit of ${max}`)
    const start = varint.encodingLength(length)
    // Written in more bytes than it needs, a length would end elsewhere than `start`.
    if ((bytes[start - 1] ?? 0) >= 0x80) throw new InvalidFrameError('A frame has no valid length')
    this.#wanted = start + length
    if (available < this.#wanted) return undefined
    return this.#buffer.take(start, this.#wanted)
  }

  async #more(signal: AbortSignal | undefined, timeoutMs: number, wholeMs: number): Promise<void> {
    signal?.throwIfAborted()
    this.#wake = Promise.withResolvers()
    const wake = this.#wake
    let unsent = this.stream.writeBufferLength
    let due = performance.now() + timeoutMs
    const check = (): void => {
      const moves = this.stream.writeBufferLength !== unsent
      unsent = this.stream.writeBufferLength
      const late = performance.now() - due
      // Where this process itself stood still, what the peer has sent meanwhile is read first.
      const wait = moves ? timeoutMs : late > MAX_LATENESS_MS ? Math.min(late, timeoutMs) : 0
      if (wait === 0) return wake.reject(new DeadlineError('The peer was silent for too long'))
      due = performance.now() + wait
      timer = setTimeout(check, wait)
    }
    let timer = timeoutMs === Infinity ? undefined : setTimeout(check, timeoutMs)
    const late = (): void => wake.reject(new DeadlineError('The peer did not finish a frame in time'))
    const whole = wholeMs === Infinity ? undefined : setTimeout(late, wholeMs)
    const onAbort = (): void => wake.reject(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      if (this.stream.readStatus === 'paused') this.stream.resume()
      await wake.promise
    } finally {
      clearTimeout(timer)
      clearTimeout(whole)
      signal?.removeEventListener('abort', onAbort)
      this.#wake = undefined
    }
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    if (this.#discarding) return
    this.#buffer.append(event.data)
    if (this.#wake !== undefined) this.#wake.resolve()
    if (this.#buffer.byteLength < Math.max(READ_HIGH_WATER_BYTES, this.#wanted)) return
    if (this.#closing) this.#drop()
    else if (this.stream.readStatus === 'readable') this.stream.pause()
  }

  #drop(): void {
    if (this.#wake !== undefined || this.#buffer.byteLength < READ_HIGH_WATER_BYTES) return
    this.#buffer.clear()
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
