import { Worker } from 'node:worker_threads'
import type { DatabaseInit } from './database.ts'
import { LedgerClosedError, fromMessage, type ErrorMessage } from './errors.ts'
import type {
  Balance,
  Deal,
  DealListOptions,
  EarningsOptions,
  EarningsRow,
  LedgerEntry,
  LedgerListOptions,
  PeerBalance,
  VerifyReport
} from './index.ts'
import type { UnseenBounds } from './unseen.ts'
import type { Append, GroupResult } from './writer.ts'

/** The worker's calls; `open` comes first, `close` last. */
export interface LedgerCalls {
  open: (init: DatabaseInit) => PeerBalance[]
  append: (appends: Append[]) => GroupResult
  hasOrder: (id: string) => boolean
  balance: () => Balance
  list: (options: LedgerListOptions) => LedgerEntry[]
  deals: (options: DealListOptions) => Deal[]
  claims: (peer: string, after: string, limit: number) => Deal[]
  dispute: (order: string, peer: string, reason: string) => void
  takeUnseen: (peer: string, credits: number, at: number, bounds: UnseenBounds) => boolean
  earnings: (options: EarningsOptions) => Promise<EarningsRow[]>
  backup: (file: string) => Promise<void>
  verify: () => Promise<VerifyReport>
  close: () => Promise<void>
}

/** A call as it goes to the worker. */
export interface CallMessage {
  id: number
  method: string
  args: unknown[]
}

/** The worker's answer. */
export type ReplyMessage = { id: number; result: unknown } | { id: number; error: ErrorMessage }

/** Calls a worker thread, which answers in any order. When it ends, the calls that wait are rejected. */
export class WorkerCalls<Calls extends { [M in keyof Calls]: (...args: never[]) => unknown }> {
  readonly #worker: Worker
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #calls = 0
  #ended: LedgerClosedError | undefined

  /** `ended` is what to say when the thread has. */
  constructor(script: URL, ended: string) {
    this.#worker = new Worker(script)
    let cause: unknown
    this.#worker.on('message', (reply: ReplyMessage) => this.#settle(reply))
    this.#worker.on('error', (err) => {
      cause = err
    })
    this.#worker.on('exit', () => {
      const text = cause instanceof Error ? ` (${cause.message})` : ''
      this.#ended = new LedgerClosedError(`${ended}${text}: start the ledger again`, { cause })
      for (const call of this.#waiting.values()) call.reject(this.#ended)
      this.#waiting.clear()
    })
  }

  /** Whether the thread is gone. */
  get ended(): boolean {
    return this.#ended !== undefined
  }

  async call<M extends keyof Calls & string>(
    method: M,
    ...args: Parameters<Calls[M]>
  ): Promise<Awaited<ReturnType<Calls[M]>>> {
    if (this.#ended !== undefined) throw this.#ended
    const id = this.#calls++
    const call = Promise.withResolvers<unknown>()
    const message: CallMessage = { id, method, args }
    this.#worker.postMessage(message)
    this.#waiting.set(id, call)
    return (await call.promise) as Awaited<ReturnType<Calls[M]>>
  }

  /** Ends the thread at once. */
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
