import type { Uint8ArrayList } from 'uint8arraylist'

const EMPTY = new Uint8Array(0)

/**
 * Bytes that wait to be read, in one piece of memory of their own. A list of the pieces as they came would cost a
 * hundred times as much for a sender that cuts its bytes one by one, and would keep what surrounded each of them.
 */
export class ByteQueue {
  #memory = EMPTY
  #start = 0
  #end = 0

  get byteLength(): number {
    return this.#end - this.#start
  }

  /** The bytes, not yet consumed. They change with the next call. */
  get bytes(): Uint8Array {
    return this.#memory.subarray(this.#start, this.#end)
  }

  /** Adds bytes at the end. */
  append(data: Uint8Array | Uint8ArrayList): void {
    this.#makeRoom(data.byteLength)
    for (const piece of data instanceof Uint8Array ? [data] : data) {
      this.#memory.set(piece, this.#end)
      this.#end += piece.byteLength
    }
  }

  /** Removes `length` bytes and returns those after the first `skip`. */
  take(skip: number, length: number): Uint8Array {
    const [from, to] = [this.#start + skip, this.#start + length]
    const isAll = to === this.#end && (to - from) * 2 >= this.#memory.byteLength
    // The memory goes with the last frame in it, if that is most of it.
    const taken = isAll ? this.#memory.subarray(from, to) : this.#memory.slice(from, to)
    this.#start = to
    if (this.#start === this.#end) this.clear()
    return taken
  }

  clear(): void {
    this.#memory = EMPTY
    this.#start = this.#end = 0
  }

  #makeRoom(length: number): void {
    const needed = this.byteLength + length
    if (this.#end + length <= this.#memory.byteLength) return
    const grows = needed > this.#memory.byteLength
    const memory = grows ? new Uint8Array(Math.max(needed, this.byteLength * 2)) : this.#memory
    memory.set(this.bytes)
    this.#end = this.byteLength
    this.#start = 0
    this.#memory = memory
  }
}
