import { createHash } from 'node:crypto'

/** A transcript's state after a number of `delta` frames. */
export interface TranscriptPoint {
  deltas: number
  /** base64url. */
  hash: string
  /** Bytes of text that the frames delivered. */
  bytes: number
}

/**
 * The hash chain over an answer's `delta` frames, which lets a receipt cover any prefix of them: h(0) is the
 * order's hash, and h(n) is SHA-256 over h(n-1) and the n-th frame's payload. Points are remembered from the
 * latest receipt on.
 */
export class Transcript {
  #hashes: Buffer[]
  #bytes: number[] = [0]
  /** The number of frames before the first remembered point. */
  #base = 0

  constructor(orderHash: string) {
    this.#hashes = [Buffer.from(orderHash, 'base64url')]
  }

  /** Frames so far. */
  get deltas(): number {
    return this.#base + this.#hashes.length - 1
  }

  /** Adds a frame: its payload, and how many bytes of text it delivers. */
  add(payload: Uint8Array, textBytes: number): void {
    const last = this.#hashes.at(-1) ?? Buffer.alloc(0)
    this.#hashes.push(createHash('sha256').update(last).update(payload).digest())
    this.#bytes.push((this.#bytes.at(-1) ?? 0) + textBytes)
  }

  /** The state after `deltas` frames, or undefined when that is ahead, or before the latest `forget`. */
  at(deltas: number = this.deltas): TranscriptPoint | undefined {
    const hash = this.#hashes[deltas - this.#base]
    const bytes = this.#bytes[deltas - this.#base]
    if (hash === undefined || bytes === undefined) return undefined
    return { deltas, hash: hash.toString('base64url'), bytes }
  }

  /** Drops the states before `deltas` frames: a receipt has covered them. */
  forget(deltas: number): void {
    const dropped = Math.min(Math.max(deltas - this.#base, 0), this.#hashes.length - 1)
    this.#hashes = this.#hashes.slice(dropped)
    this.#bytes = this.#bytes.slice(dropped)
    this.#base += dropped
  }
}
