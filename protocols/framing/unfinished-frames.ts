import { BusyError } from '../errors.ts'
import { MAX_UNFINISHED_BYTES } from './constants.ts'

/** Overhead of a waiting stream beyond the bytes of its frame. */
const READER_BYTES = 32 * 1024

/** A reader that waits for the rest of a frame. */
interface Reader {
  /** Ends the wait. */
  giveUp(reason: Error): void
}

/**
 * Bounds the memory of frames that have begun and are not whole, over all streams. Where they are too many, the reader
 * that has waited longest gives up: whoever sends a frame in one go never waits long.
 */
export class UnfinishedFrames {
  readonly #limit: number
  /** Bytes that each has, the one that began first in front. */
  readonly #held = new Map<Reader, number>()
  #total = 0

  /** `limit` is in bytes. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Total cost of all unfinished frames, in bytes. */
  get total(): number {
    return this.#total
  }

  /** Notes how many bytes of its frame a reader has. */
  hold(reader: Reader, bytes: number): void {
    const cost = bytes + READER_BYTES
    this.#total += cost - (this.#held.get(reader) ?? 0)
    this.#held.set(reader, cost)
    for (const [oldest] of this.#held) {
      if (this.#total <= this.#limit) return
      this.release(oldest)
      oldest.giveUp(new BusyError('Too many frames are unfinished: send a frame in one go'))
    }
  }

  /** Forgets a reader: its frame is whole, or is read no further. */
  release(reader: Reader): void {
    this.#total -= this.#held.get(reader) ?? 0
    this.#held.delete(reader)
  }
}

/** The unfinished frames of this process. */
export const unfinishedFrames = new UnfinishedFrames(MAX_UNFINISHED_BYTES)
