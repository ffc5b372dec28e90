import type { LlamaContextSequence } from 'node-llama-cpp'

interface Waiter {
  resolve: (sequence: LlamaContextSequence) => void
}

/** The slots of a context, lent in the order they are asked for: llama.cpp throws at one too many. */
export class SequencePool {
  readonly #free: LlamaContextSequence[]
  readonly #waiting = new Set<Waiter>()

  constructor(sequences: LlamaContextSequence[]) {
    this.#free = [...sequences]
  }

  /** A slot, as soon as one is free. Rejects with the signal's reason. */
  async acquire(signal: AbortSignal): Promise<LlamaContextSequence> {
    signal.throwIfAborted()
    const free = this.#free.pop()
    if (free !== undefined) return free
    const { promise, resolve, reject } = Promise.withResolvers<LlamaContextSequence>()
    const waiter = { resolve }
    const onAbort = (): void => {
      this.#waiting.delete(waiter)
      reject(signal.reason as Error)
    }
    this.#waiting.add(waiter)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  release(sequence: LlamaContextSequence): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#free.push(sequence)
    } else {
      this.#waiting.delete(next)
      next.resolve(sequence)
    }
  }
}
