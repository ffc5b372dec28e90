import { Worker } from 'node:worker_threads'
import { COUNT_TIMEOUT_MS, IDLE_MS, MAX_COUNTED_LENGTH } from './constants.ts'
import type { CountCall, CountReply } from './count-worker.ts'

const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './count-worker.ts' : './count-worker.js',
  import.meta.url
)

/** Counts by the vocabulary, in a thread that is started when it is needed and ended when it is not. */
export class TokenCounter {
  readonly #idleMs: number
  readonly #timeoutMs: number
  readonly #waiting = new Map<number, (counts: number[]) => void>()
  #worker: Worker | undefined
  #calls = 0
  #idle: NodeJS.Timeout | undefined

  constructor({ idleMs = IDLE_MS, timeoutMs = COUNT_TIMEOUT_MS } = {}) {
    this.#idleMs = idleMs
    this.#timeoutMs = timeoutMs
  }

  /** Whether the vocabulary is in memory. */
  get loaded(): boolean {
    return this.#worker !== undefined
  }

  /**
   * The most tokens that an honest engine counts for each chunk. Never rejects: a chunk that cannot be counted in time has
   * a token for each byte.
   */
  async most(chunks: string[]): Promise<number[]> {
    const counted = chunks.length > 0 ? await this.#count(withinLength(chunks)) : []
    return chunks.map((chunk, index) => counted[index] ?? Buffer.byteLength(chunk))
  }

  /** Ends the thread; what waits for it is counted by bytes. */
  async stop(): Promise<void> {
    clearTimeout(this.#idle)
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  async #count(chunks: string[]): Promise<number[]> {
    clearTimeout(this.#idle)
    const id = this.#calls++
    const { promise, resolve } = Promise.withResolvers<number[]>()
    const late = setTimeout(() => resolve([]), this.#timeoutMs)
    this.#waiting.set(id, resolve)
    this.#worker ??= this.#start()
    this.#worker.ref()
    this.#worker.postMessage({ id, chunks } satisfies CountCall)
    try {
      return await promise
    } finally {
      clearTimeout(late)
      this.#waiting.delete(id)
      if (this.#waiting.size === 0) this.#rest()
    }
  }

  #start(): Worker {
    const worker = new Worker(WORKER)
    worker.on('message', ({ id, counts }: CountReply) => this.#waiting.get(id)?.(counts))
    // Without a thread nothing is refused that bytes allow.
    worker.on('error', () => undefined)
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined
      for (const resolve of this.#waiting.values()) resolve([])
    })
    return worker
  }

  #rest(): void {
    this.#worker?.unref()
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => void this.stop(), this.#idleMs)
    this.#idle.unref()
  }
}

/** The one of this process: a vocabulary takes as much memory for one node as for several. */
export const sharedCounter = new TokenCounter()

/** The chunks that the vocabulary counts: of a longer text the rest is bounded by its bytes. */
function withinLength(chunks: string[]): string[] {
  let length = 0
  const end = chunks.findIndex((chunk) => (length += chunk.length) > MAX_COUNTED_LENGTH)
  return end < 0 ? chunks : chunks.slice(0, end)
}
