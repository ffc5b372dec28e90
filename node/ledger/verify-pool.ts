import { availableParallelism } from 'node:os'
import type { Opened } from './entry.ts'
import type { LedgerRecord } from './index.ts'
import { WorkerCalls } from './worker-calls.ts'

/** Most threads: beyond these the one that reads the entries cannot keep up. */
const MAX_THREADS = 6

/** Batches that a thread has at once: one that it works on, and the next. */
const BATCHES_PER_THREAD = 2

const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './verify-worker.ts' : './verify-worker.js',
  import.meta.url
)

/** The calls of a thread in the pool. */
interface VerifyCalls {
  open: (records: LedgerRecord[]) => Opened[]
}

/** Threads that verify signatures, which is most of what verifying a ledger costs: one for each core. */
export class VerifyPool {
  readonly #threads: WorkerCalls<VerifyCalls>[]
  #next = 0

  constructor(threads: number = Math.min(availableParallelism(), MAX_THREADS)) {
    this.#threads = Array.from(
      { length: threads },
      () => new WorkerCalls<VerifyCalls>(WORKER, 'A thread that verifies the ledger ended')
    )
  }

  /** How many batches keep all threads busy. */
  get depth(): number {
    return this.#threads.length * BATCHES_PER_THREAD
  }

  /** Verifies a batch of records, each by itself. Throws LedgerClosedError when the thread ends. */
  async open(records: LedgerRecord[]): Promise<Opened[]> {
    // Batches are alike: whose turn it is has the shortest queue.
    const thread = this.#threads[this.#next++ % this.#threads.length]
    return (await thread?.call('open', records)) ?? []
  }

  /** Ends the threads at once. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()))
  }
}
