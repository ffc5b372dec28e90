import { BatchRun } from './batch-run.ts'
import type { LineOutcome } from './line-outcome.ts'
import type { BatchRecord, Line } from './records.ts'
import type { JobStore } from './store.ts'

export interface SchedulerInit {
  /** Most lines of one batch that run at once. */
  concurrency: number
  /** Most lines of a batch. */
  maxLines: number
  /** Longest line, in bytes. */
  maxLineBytes: number
  /** Seconds that output files are kept where the batch does not say. */
  fileSeconds: number
  /** Parses a line. Throws where it is not JSON, or too deep. */
  parse: (text: Buffer) => unknown
}

/** A line to be asked. */
export interface LineCall {
  batch: BatchRecord
  line: Line
}

export interface SchedulerComponents {
  store: JobStore
  /** Asks one line. Throws where the signal aborts. */
  execute: (call: LineCall, signal: AbortSignal) => Promise<LineOutcome>
  /** Whether somebody serves a model; waits a little for a mesh that is still being joined. */
  serves: (model: string, signal: AbortSignal) => Promise<boolean>
  /** Milliseconds since 1970. */
  now: () => number
  /** Told of what fails in the background. */
  onError: (err: unknown) => void
}

/** Runs the batches that have not ended, those of earlier starts included. */
export class Scheduler {
  readonly #init: SchedulerInit
  readonly #components: SchedulerComponents
  readonly #runs = new Map<string, BatchRun>()
  readonly #running = new Set<Promise<void>>()
  #stopped = true

  constructor(init: SchedulerInit, components: SchedulerComponents) {
    this.#init = init
    this.#components = components
  }

  async start(): Promise<void> {
    if (!this.#stopped) return
    this.#stopped = false
    if (this.#components.store.unused) return
    for (const batch of await this.#components.store.call('openBatches')) this.#run(batch)
  }

  /** Lets go of every batch: what was not answered is asked after the next start. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const run of this.#runs.values()) run.stop()
    await Promise.all(this.#running)
  }

  /** Takes a batch: it is on disk when this resolves. */
  async submit(batch: BatchRecord): Promise<void> {
    await this.#components.store.call('putBatch', batch)
    if (!this.#stopped) this.#run(batch)
  }

  /** A batch as it is now, if it has not ended. */
  current(id: string): BatchRecord | undefined {
    return this.#runs.get(id)?.batch
  }

  /** Open batches of one owner. */
  open(owner: string): number {
    return [...this.#runs.values()].filter(({ batch }) => batch.owner === owner).length
  }

  /** Cancels a batch that has not ended. */
  async cancel(id: string): Promise<void> {
    await this.#runs.get(id)?.cancel()
  }

  #run(batch: BatchRecord): void {
    const run = new BatchRun(batch, this.#init, this.#components)
    this.#runs.set(batch.id, run)
    const running = run.run().finally(() => {
      this.#runs.delete(batch.id)
      this.#running.delete(running)
    })
    this.#running.add(running)
  }
}
