import { Worker } from 'node:worker_threads'
import { JobStoreClosedError, fromMessage, type ErrorMessage } from '../errors.ts'
import type { BatchesTable } from './batches-table.ts'
import type { DatabaseInit } from './database.ts'
import type { FilesTable } from './files-table.ts'
import type { KeptTable } from './kept-table.ts'

/** The worker's calls; `open` comes first, `close` last. */
export interface JobCalls {
  open: (init: DatabaseInit) => void
  size: () => { used: number; most: number }
  createFile: FilesTable['create']
  appendFile: FilesTable['append']
  finishFile: FilesTable['finish']
  getFile: FilesTable['get']
  listFiles: FilesTable['list']
  fileChunk: FilesTable['chunk']
  deleteFile: FilesTable['remove']
  putBatch: BatchesTable['put']
  getBatch: BatchesTable['get']
  listBatches: BatchesTable['list']
  openBatches: BatchesTable['open']
  addLines: BatchesTable['addLines']
  waitingLines: BatchesTable['waiting']
  settleLine: BatchesTable['settle']
  countLines: BatchesTable['counts']
  lineAnswers: BatchesTable['answers']
  endBatch: BatchesTable['end']
  keepAnswer: KeptTable['keep']
  keptAnswers: KeptTable['of']
  sweep: (now: number) => void
  close: () => void
}

/** A call as it goes to the worker. */
export interface CallMessage {
  id: number
  method: string
  args: unknown[]
}

/** The worker's answer. */
export type ReplyMessage = { id: number; result: unknown } | { id: number; error: ErrorMessage }

const WORKER = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)

/** Calls the store's thread. When it ends, the calls that wait are rejected. */
export class StoreThread {
  readonly #worker = new Worker(WORKER)
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #calls = 0
  #ended: JobStoreClosedError | undefined

  constructor() {
    let cause: unknown
    this.#worker.on('message', (reply: ReplyMessage) => this.#settle(reply))
    this.#worker.on('error', (err) => {
      cause = err
    })
    this.#worker.on('exit', () => {
      this.#ended = new JobStoreClosedError(undefined, { cause })
      for (const call of this.#waiting.values()) call.reject(this.#ended)
      this.#waiting.clear()
    })
  }

  async call<M extends keyof JobCalls>(
    method: M,
    ...args: Parameters<JobCalls[M]>
  ): Promise<ReturnType<JobCalls[M]>> {
    if (this.#ended !== undefined) throw this.#ended
    const id = this.#calls++
    const call = Promise.withResolvers<unknown>()
    this.#waiting.set(id, call)
    const message: CallMessage = { id, method, args }
    this.#worker.postMessage(message)
    return (await call.promise) as ReturnType<JobCalls[M]>
  }

  /** Ends the thread. */
  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #settle(reply: ReplyMessage): void {
    const call = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if ('error' in reply) call?.reject(fromMessage(reply.error))
    else call?.resolve(reply.result)
  }
}
