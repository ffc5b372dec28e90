import { existsSync } from 'node:fs'
import type { Startable } from '@libp2p/interface'
import { DEFAULT_DISK_BYTES, INTAKE_SHARE, SWEEP_INTERVAL_MS } from './constants.ts'
import { JobStoreClosedError, JobStoreFullError } from './errors.ts'
import { StoreThread, type JobCalls } from './worker/calls.ts'

export interface JobStoreInit {
  /** The database's file. */
  file: string
  /** Seals the content: see `storageKey`. */
  key: Uint8Array
  /** Most bytes on disk. @default 4 GiB */
  diskBytes?: number
}

export interface JobStoreComponents {
  /** Milliseconds since 1970. @default Date.now */
  now?: () => number
  /** Told of what fails in the background. */
  onError?: (err: unknown) => void
}

/**
 * Files and batches on disk. A call resolves when what it wrote is synced; calls that come meanwhile share
 * the next sync. Content is sealed at rest, deleted content is overwritten, and the file never outgrows its limit.
 */
export class JobStore implements Startable {
  readonly #init: JobStoreInit
  readonly #now: () => number
  readonly #onError: (err: unknown) => void
  #started = false
  /** The file's thread, once it is needed. */
  #thread: Promise<StoreThread> | undefined
  #sweeper: NodeJS.Timeout | undefined

  constructor(init: JobStoreInit, { now = Date.now, onError = () => undefined }: JobStoreComponents = {}) {
    this.#init = init
    this.#now = now
    this.#onError = onError
  }

  /** Whether there is no file yet: a node that never took a file or batch spends no memory on them. */
  get unused(): boolean {
    return this.#thread === undefined
  }

  /** Opens the file if there is one; otherwise the first call makes it. Throws JobStoreError. */
  async start(): Promise<void> {
    this.#started = true
    if (existsSync(this.#init.file)) await this.#open()
  }

  async stop(): Promise<void> {
    const opened = this.#thread
    this.#started = false
    this.#thread = undefined
    clearInterval(this.#sweeper)
    // A file that could not be opened was reported to the caller.
    const thread = await opened?.catch(() => undefined)
    if (thread === undefined) return
    await thread.call('close').catch(this.#onError)
    await thread.end()
  }

  /** One call of the store. Throws JobStoreError and its subclasses. */
  async call<M extends keyof JobCalls>(
    method: M,
    ...args: Parameters<JobCalls[M]>
  ): Promise<ReturnType<JobCalls[M]>> {
    if (!this.#started) throw new JobStoreClosedError()
    return await (await this.#open()).call(method, ...args)
  }

  /** Throws JobStoreFullError where `bytes` of new work would leave too little room for its answers. */
  async admit(bytes: number): Promise<void> {
    const { used, most } = await this.call('size')
    if (used + bytes > most * INTAKE_SHARE) throw new JobStoreFullError()
  }

  async #open(): Promise<StoreThread> {
    this.#thread ??= this.#openThread().catch((err: unknown) => {
      this.#thread = undefined
      throw err
    })
    return await this.#thread
  }

  async #openThread(): Promise<StoreThread> {
    const { file, key, diskBytes = DEFAULT_DISK_BYTES } = this.#init
    const thread = new StoreThread()
    try {
      await thread.call('open', { file, key, diskBytes })
    } catch (err) {
      await thread.end()
      throw err
    }
    await this.#sweep(thread)
    this.#sweeper = setInterval(() => void this.#sweep(thread), SWEEP_INTERVAL_MS)
    this.#sweeper.unref()
    return thread
  }

  async #sweep(thread: StoreThread): Promise<void> {
    try {
      await thread.call('sweep', Math.floor(this.#now() / 1000))
    } catch (err) {
      this.#onError(err)
    }
  }
}
