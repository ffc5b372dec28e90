import { fork, type ChildProcess } from 'node:child_process'
import { EngineFailedError, WIRE_ERRORS_BY_CODE } from '../../../protocols/errors.ts'
import type { GenerateRequest } from '../../../protocols/inference/index.ts'
import { quote } from '../errors.ts'
import type { ChildSettings, FromChild, JobMessage, ModelFacts, ToChild } from './messages.ts'

const CHILD = new URL(import.meta.url.endsWith('.ts') ? './child.ts' : './child.js', import.meta.url)

/** How much of the child's last words is kept, in characters. */
const MAX_STDERR_LENGTH = 2000

/** One run of the process that holds the model: it ends once, and is not started again. */
export class EngineProcess {
  /** Resolves when the model is loaded; rejects with EngineFailedError when it cannot be. */
  readonly ready: Promise<ModelFacts>
  /** Resolves when the process has ended. */
  readonly exited: Promise<void>
  readonly #child: ChildProcess
  readonly #jobs = new Map<number, (message: JobMessage | Error) => void>()
  readonly #working = new Set<number>()
  readonly #idle: (() => void)[] = []
  #ended = false
  #lastJob = 0
  #stderr = ''

  constructor(settings: ChildSettings) {
    const ready = Promise.withResolvers<ModelFacts>()
    const exited = Promise.withResolvers<undefined>()
    this.ready = ready.promise
    this.exited = exited.promise
    // The next request for the model sees the failure; there may be none yet.
    this.ready.catch(() => undefined)
    this.#child = fork(CHILD, {
      // None of this process's own flags, such as --inspect with its port.
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc']
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR_LENGTH)
    })
    this.#child.on('message', (message: FromChild) => {
      switch (message.type) {
        case 'ready':
          ready.resolve(message.facts)
          break
        case 'unready':
          ready.reject(new EngineFailedError(`The embedded engine cannot start: ${message.message}`))
          this.#child.kill('SIGKILL')
          break
        default:
          this.#receive(message)
      }
    })
    const onEnd = (how: string): void => {
      if (this.#ended) return
      this.#ended = true
      const err = new EngineFailedError(`The embedded engine's process ended (${how})`, {
        cause: this.#stderr
      })
      ready.reject(err)
      for (const deliver of this.#jobs.values()) deliver(err)
      this.#working.clear()
      this.#settle()
      exited.resolve(undefined)
    }
    this.#child.on('exit', (code, signal) => onEnd(signal ?? `code ${String(code)}`))
    this.#child.on('error', (err) => onEnd(err.message))
    this.#send({ type: 'start', settings })
  }

  /** The process's id, for logs. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Runs one job. Aborting the signal, or leaving the loop, makes the process stop its work on it. */
  async *run(
    type: 'generate' | 'count',
    request: GenerateRequest,
    signal: AbortSignal
  ): AsyncIterable<JobMessage> {
    signal.throwIfAborted()
    if (this.#ended) throw new EngineFailedError("The embedded engine's process has ended")
    const id = ++this.#lastJob
    const queue: (JobMessage | Error)[] = []
    let wake = Promise.withResolvers<undefined>()
    const deliver = (message: JobMessage | Error): void => {
      queue.push(message)
      wake.resolve(undefined)
    }
    const onAbort = (): void => {
      // At once: whoever reads may be waiting for something else.
      this.#send({ type: 'abort', id })
      deliver(signal.reason as Error)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#jobs.set(id, deliver)
    this.#working.add(id)
    this.#send({ type, id, request })
    try {
      for (;;) {
        for (const message of queue.splice(0)) {
          signal.throwIfAborted()
          if (message instanceof Error) throw message
          if (message.type === 'failed') throw failure(message)
          yield message
          if (message.type !== 'delta') return
        }
        await wake.promise
        wake = Promise.withResolvers()
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#jobs.delete(id)
      if (this.#working.has(id)) this.#send({ type: 'abort', id })
    }
  }

  /** Resolves when the process works on nothing, jobs that were left included. */
  idle(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.#idle.push(() => resolve(undefined))
    this.#settle()
    return promise
  }

  /** Ends the process at once; it has nothing to save. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exited
  }

  #receive(message: JobMessage): void {
    if (message.type !== 'delta') this.#working.delete(message.id)
    this.#jobs.get(message.id)?.(message)
    this.#settle()
  }

  #settle(): void {
    if (this.#working.size > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  #send(message: ToChild): void {
    // A failure to send means that the process is ending, which its exit reports.
    if (!this.#ended) this.#child.send(message, () => undefined)
  }
}

function failure({ code, message }: Extract<JobMessage, { type: 'failed' }>): Error {
  const known = WIRE_ERRORS_BY_CODE.get(code) ?? EngineFailedError
  return known === EngineFailedError
    ? new EngineFailedError(`The embedded engine failed: ${quote(message)}`)
    : new known(message)
}
