import type { YamuxStream } from '@chainsafe/libp2p-yamux/stream'
import { BusyError } from '../../protocols/index.ts'
import { requireMembers } from './members.ts'

/** Most bytes of a node's streams whose protocol is not agreed on yet: the first flights of a hundred large requests. */
const MAX_EARLY_BYTES = 32 * 1024 * 1024

/** Overhead of a stream, and of a piece of data, beyond its bytes. */
const STREAM_BYTES = 16 * 1024
const PIECE_BYTES = 256

/** So many streams are held before those that wait no more are looked for. */
const CROWD = 256

/**
 * Bounds what peers send on streams before a protocol is agreed on: libp2p keeps it for 10 s, a window of 256 KiB for
 * each stream of each connection. Where it is too much, the stream that has waited longest is reset.
 */
export class EarlyBytes {
  readonly #limit: number
  /** Bytes of each stream, the oldest first. */
  readonly #held = new Map<YamuxStream, number>()
  #total = 0
  #crowd = CROWD

  /** `limit` is in bytes. */
  constructor(limit = MAX_EARLY_BYTES) {
    this.#limit = limit
  }

  /** Bytes that are held, as of the last time that there seemed to be too many. */
  get total(): number {
    return this.#total
  }

  /** Counts data that came on a stream. */
  add(stream: YamuxStream, bytes: number): void {
    const cost = bytes + PIECE_BYTES + (this.#held.has(stream) ? 0 : STREAM_BYTES)
    this.#total += cost
    this.#held.set(stream, (this.#held.get(stream) ?? 0) + cost)
    if (this.#total <= this.#limit && this.#held.size < this.#crowd) return
    for (const held of this.#held.keys()) if (isOver(held)) this.#forget(held)
    this.#crowd = Math.max(CROWD, 2 * this.#held.size)
    for (const oldest of this.#held.keys()) {
      if (this.#total <= this.#limit) return
      this.#forget(oldest)
      oldest.abort(new BusyError('Too many streams wait for a protocol'))
    }
  }

  #forget(stream: YamuxStream): void {
    this.#total -= this.#held.get(stream) ?? 0
    this.#held.delete(stream)
  }
}

/** Whether a stream waits for a protocol no more. */
function isOver({ protocol, status }: YamuxStream): boolean {
  return protocol !== '' || status !== 'open'
}

/** Pieces that may wait unread besides one for each so many bytes. */
const FEW_PIECES = 64
const BYTES_PER_PIECE = 128

/** Keeps what nobody has read in few pieces, and counts what comes before a protocol is agreed on. */
export function frugal(stream: YamuxStream, early: EarlyBytes): YamuxStream {
  requireMembers('@chainsafe/libp2p-yamux', stream, ['readBuffer', 'onData()'])
  const onData = stream.onData.bind(stream)
  const unread = stream['readBuffer']
  let pieces = 0
  stream.onData = (data) => {
    const isEarly = stream.direction === 'inbound' && stream.protocol === ''
    if (isEarly) early.add(stream, data.byteLength)
    // Waiting bytes must not retain the whole packet that they came in.
    onData(isEarly || stream.readStatus === 'paused' ? data.slice() : data)
    pieces = unread.byteLength === 0 ? 0 : pieces + 1
    if (pieces <= FEW_PIECES + unread.byteLength / BYTES_PER_PIECE) return
    const whole = unread.slice()
    unread.consume(whole.byteLength)
    unread.append(whole)
    pieces = 1
  }
  return stream
}
