import { setTimeout as delay } from 'node:timers/promises'
import { BatchLines } from './batch-lines.ts'
import { CANCEL_GRACE_MS, LONGEST_WAIT_MS } from './constants.ts'
import { readFile } from './file-writer.ts'
import { LineRun } from './line-run.ts'
import { OutputFiles } from './output-files.ts'
import type { BatchRecord, BatchStatus } from './records.ts'
import type { SchedulerComponents, SchedulerInit } from './scheduler.ts'

const EXPIRED = {
  code: 'batch_expired',
  message: 'This request was not answered before the completion window ended.'
}
const CANCELLED = {
  code: 'batch_cancelled',
  message: 'The batch was cancelled before this request was asked.'
}

/** One batch, from its validation to its files. Its progress is on disk, so that another run goes on with it. */
export class BatchRun {
  readonly #init: SchedulerInit
  readonly #components: SchedulerComponents
  readonly #batch: BatchRecord
  /** Ends the asking: no line is asked after it. */
  readonly #halt = new AbortController()
  /** Ends the lines that are being asked. */
  readonly #kill = new AbortController()
  /** Why no more is asked: a stop leaves all as it is. */
  #stopping = false

  constructor(batch: BatchRecord, init: SchedulerInit, components: SchedulerComponents) {
    this.#batch = batch
    this.#init = init
    this.#components = components
  }

  get batch(): BatchRecord {
    return this.#batch
  }

  /** Goes on until the batch has ended, or {@link stop} was called. Failures of the disk are waited out. */
  async run(): Promise<void> {
    const untilExpiry = this.#batch.expiresAt * 1000 - this.#components.now()
    const expiry = setTimeout(() => this.#end(), Math.min(Math.max(0, untilExpiry), 2 ** 31 - 1))
    try {
      while (!this.#stopped()) {
        try {
          await this.#goOn()
          return
        } catch (err) {
          if (this.#stopped()) return
          this.#components.onError(err)
          await delay(LONGEST_WAIT_MS, undefined, { signal: this.#kill.signal }).catch(() => undefined)
        }
      }
    } finally {
      clearTimeout(expiry)
    }
  }

  /** Asks no more lines; those that are being asked have some time to end. */
  async cancel(): Promise<void> {
    if (this.#batch.status === 'cancelling' || this.#batch.status === 'finalizing') return
    this.#batch.status = 'cancelling'
    this.#batch.cancellingAt = this.#now()
    await this.#save()
    this.#halt.abort()
    const grace = setTimeout(() => this.#kill.abort(), CANCEL_GRACE_MS)
    grace.unref()
  }

  /** Leaves everything as it is, for the next start. */
  stop(): void {
    this.#stopping = true
    this.#end()
  }

  /** Read anew each time: a cancellation may change it meanwhile. */
  #status(): BatchStatus {
    return this.#batch.status
  }

  #stopped(): boolean {
    return this.#stopping
  }

  #end(): void {
    this.#halt.abort()
    this.#kill.abort()
  }

  async #goOn(): Promise<void> {
    const batch = this.#batch
    if (this.#status() === 'validating') await this.#validate()
    if (this.#status() === 'failed' || this.#stopped()) return
    const { done, failed } = await this.#components.store.call('countLines', batch.id)
    batch.counts.completed = done
    batch.counts.failed = failed
    if (this.#status() === 'in_progress')
      await new LineRun(batch, this.#init.concurrency, this.#components, {
        halt: this.#halt.signal,
        kill: this.#kill.signal
      }).run()
    if (!this.#stopped()) await this.#finalize()
  }

  async #validate(): Promise<void> {
    const { store } = this.#components
    const batch = this.#batch
    const reader = new BatchLines({ ...this.#init, endpoint: batch.endpoint })
    for await (const piece of readFile(store, batch.inputFileId)) {
      if (this.#stopped() || reader.hopeless) break
      await store.call('addLines', batch.id, reader.add(piece))
    }
    if (this.#stopped()) return
    if (!reader.hopeless) await store.call('addLines', batch.id, reader.end())
    const { faults, model } = reader
    if ((await store.call('getFile', batch.owner, batch.inputFileId)) === undefined)
      faults.push({
        code: 'file_not_found',
        line: null,
        message: 'The input file was deleted while it was being read.',
        param: 'input_file_id'
      })
    if (
      faults.length === 0 &&
      model !== undefined &&
      !(await this.#components.serves(model, this.#halt.signal))
    ) {
      if (this.#stopped()) return
      const message = `The model ${JSON.stringify(model)} was not found: nobody serves it now. GET /v1/models lists the models that are served.`
      faults.push({ code: 'model_not_found', line: null, message, param: 'body.model' })
    }
    batch.model = model ?? null
    batch.counts.total = reader.count
    // It may have been cancelled meanwhile.
    if (this.#status() !== 'validating') {
      await this.#save()
      return
    }
    if (faults.length > 0) {
      batch.errors = faults
      batch.status = 'failed'
      batch.failedAt = this.#now()
      await store.call('endBatch', batch)
      return
    }
    batch.status = 'in_progress'
    batch.inProgressAt = this.#now()
    await this.#save()
  }

  async #finalize(): Promise<void> {
    const { store } = this.#components
    const batch = this.#batch
    const cancelled = batch.status === 'cancelling'
    const { waiting } = await store.call('countLines', batch.id)
    if (!cancelled && batch.status !== 'finalizing') {
      batch.status = 'finalizing'
      batch.finalizingAt = this.#now()
      await this.#save()
    }
    const now = this.#now()
    const files = new OutputFiles(store, batch, now, now + (batch.outputSeconds ?? this.#init.fileSeconds))
    const outputFileId = await files.output()
    const errorFileId = await files.errors(waiting === 0 ? undefined : cancelled ? CANCELLED : EXPIRED)
    const status = cancelled ? 'cancelled' : waiting > 0 ? 'expired' : 'completed'
    const ended = { ...batch, outputFileId, errorFileId, usage: files.usage, status } satisfies BatchRecord
    if (status === 'expired') ended.counts = { ...batch.counts, failed: batch.counts.failed + waiting }
    ended[`${status}At`] = this.#now()
    await store.call('endBatch', ended)
    Object.assign(batch, ended)
  }

  async #save(): Promise<void> {
    await this.#components.store.call('putBatch', this.#batch)
  }

  #now(): number {
    return Math.floor(this.#components.now() / 1000)
  }
}
