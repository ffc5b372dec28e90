import { setTimeout as delay } from 'node:timers/promises'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Consumer } from '../../node/consumer/index.ts'
import { Scheduler, type JobStore, type LineCall, type LineOutcome } from '../../node/jobs/index.ts'
import { CancelledError } from '../../protocols/errors.ts'
import { REQUEST_BOUNDS, excess } from '../../protocols/framing/index.ts'
import { canonicalModelName } from '../../protocols/inference/index.ts'
import { toEnvelope, toFailure } from '../failures.ts'
import type { Keys } from '../keys/index.ts'
import type { GatewayLogger } from '../types.ts'
import { DAY_SECONDS, MAX_LINE_BYTES, MODEL_PATIENCE_MS, type JobLimits } from './limits.ts'
import { currentJob, type KeptAnswer, type RunningJob } from './running-job.ts'

const MODEL_POLL_MS = 100

export interface JobsInit {
  limits: JobLimits
}

export interface JobsComponents {
  store: JobStore
  consumer: Pick<Consumer, 'models'>
  keys: Keys
  logger: GatewayLogger
  /** Has the gateway answer a request of its own. */
  inject: (request: InjectOptions) => Promise<LightMyRequestResponse>
}

/** Work that outlives its request: the store, the batches that run, and the requests that are made for them. */
export class Jobs {
  readonly limits: JobLimits
  readonly store: JobStore
  readonly batches: Scheduler
  readonly #components: JobsComponents

  constructor({ limits }: JobsInit, components: JobsComponents) {
    this.limits = limits
    this.store = components.store
    this.#components = components
    this.batches = new Scheduler(
      {
        concurrency: limits.concurrency,
        maxLines: limits.batchLines,
        maxLineBytes: MAX_LINE_BYTES,
        fileSeconds: limits.fileDays * DAY_SECONDS,
        parse: parseLine
      },
      {
        store: this.store,
        execute: (call, signal) => this.#ask(call, signal),
        serves: (model, signal) => this.#serves(model, signal),
        now: Date.now,
        onError: (err) => components.logger.error('batch', { error: String(err) })
      }
    )
  }

  /** Opens the store. Throws JobStoreError. */
  async open(): Promise<void> {
    await this.store.start()
  }

  /** Takes up the work of earlier starts. */
  async start(): Promise<void> {
    await this.batches.start()
  }

  /** Lets go of running work: it is on disk as far as it has come. */
  async halt(): Promise<void> {
    await this.batches.stop()
  }

  async stop(): Promise<void> {
    await this.halt()
    await this.store.stop()
  }

  /** Throws what {@link JobStore.admit} throws where `bytes` of new work find no room. */
  async admit(bytes: number): Promise<void> {
    await this.store.admit(bytes)
  }

  /** A job's context: its caller, and the answers that an earlier start paid for. */
  async job(id: string, owner: string, signal: AbortSignal): Promise<RunningJob> {
    const caller = await this.#components.keys.named(owner)
    const kept = await this.store.call('keptAnswers', id)
    return {
      caller,
      signal: cancelledBy(signal),
      kept: new Map(kept.map(({ choice, answer }) => [choice, answer as KeptAnswer])),
      keep: (choice, answer) => this.store.call('keepAnswer', id, choice, answer)
    }
  }

  /** Has a request of a job's answered. */
  async request(
    job: RunningJob,
    url: string,
    body: object,
    headers: Record<string, string> = {}
  ): Promise<LightMyRequestResponse> {
    return await currentJob.run(job, () =>
      this.#components.inject({
        method: 'POST',
        url,
        headers: { host: 'localhost', 'content-type': 'application/json', ...headers },
        payload: JSON.stringify(body)
      })
    )
  }

  async #ask({ batch, line }: LineCall, signal: AbortSignal): Promise<LineOutcome> {
    const id = `${batch.id}/${line.n}`
    let job: RunningJob
    try {
      job = await this.job(id, batch.owner, signal)
    } catch (err) {
      const failure = toFailure(err)
      return { status: failure.status, requestId: id, body: toEnvelope(failure) }
    }
    const reply = await this.request(job, batch.endpoint, line.body, { 'x-lobstah-tier': 'batch' })
    signal.throwIfAborted()
    const seconds = Number(reply.headers['retry-after'] ?? NaN)
    return {
      status: reply.statusCode,
      requestId: String(reply.headers['x-request-id'] ?? id),
      body: reply.json<unknown>(),
      ...(Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {})
    }
  }

  async #serves(model: string, signal: AbortSignal): Promise<boolean> {
    const wanted = canonicalModelName(model)
    const end = performance.now() + MODEL_PATIENCE_MS
    while (!signal.aborted) {
      const models = this.#components.consumer.models()
      if (models.some(({ id }) => id === model || canonicalModelName(id) === wanted)) return true
      if (performance.now() > end) return false
      await delay(MODEL_POLL_MS, undefined, { signal }).catch(() => undefined)
    }
    return false
  }
}

/** A signal that says that the work was cancelled, whatever aborted it. */
function cancelledBy(signal: AbortSignal): AbortSignal {
  const controller = new AbortController()
  const abort = (): void => controller.abort(new CancelledError('The job was stopped'))
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true, signal: controller.signal })
  return controller.signal
}

/** A line's JSON, within the bounds of a request. */
function parseLine(text: Buffer): unknown {
  if (excess(text, REQUEST_BOUNDS) !== undefined) return undefined
  return JSON.parse(text.toString('utf8')) as unknown
}
