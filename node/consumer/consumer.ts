import type {
  LobstahError} from '../../protocols/index.ts';
import {
  BusyError,
  InvalidFrameError,
  ModelNotFoundError,
  NoProviderError,
  canonicalModelName,
  toLobstahError,
  type AnswerEvent,
  type InferenceRequest
} from '../../protocols/index.ts'
import type { Contributor } from '../discovery/index.ts'
import type {
  Consumer,
  ConsumerComponents,
  ConsumerInit,
  InferOptions,
  ListedModel,
  PeerStatus
} from './index.ts'
import { PeerHealth } from './peer-health.ts'
import { findModel, rank, type Candidate } from './ranking.ts'
import { RemoteProvider } from './remote-provider.ts'

/** Contributors that one request is tried on. */
const MAX_ATTEMPTS = 4

/** How long a first question waits for a mesh that is being joined, in milliseconds. */
const COLD_START_MS = 5000

/** How often the DHT is asked meanwhile, in milliseconds. */
const COLD_START_STEP_MS = 100

/** Failures that say nothing against the contributor. */
const NO_FAULT = new Set([
  'busy',
  'bad_request',
  'unsupported_parameter',
  'context_length_exceeded',
  'credit_exhausted',
  'not_allowed',
  'model_not_found',
  'shutting_down'
])

/** See {@link Consumer}. */
export class LobstahConsumer implements Consumer {
  readonly #init: ConsumerInit
  readonly #components: ConsumerComponents
  readonly #health = new Map<string, PeerHealth>()
  /** Contributors seen since start, so that one that is gone is still shown. */
  readonly #seen = new Map<string, Contributor>()
  readonly #background = new Set<Promise<void>>()

  constructor(init: ConsumerInit, components: ConsumerComponents) {
    this.#init = init
    this.#components = components
  }

  start(): void {
    this.#components.directory.addEventListener('change', this.#onChange)
  }

  async stop(): Promise<void> {
    this.#components.directory.removeEventListener('change', this.#onChange)
    await Promise.all(this.#background)
  }

  models(): ListedModel[] {
    const listed = new Map<string, ListedModel>()
    for (const { provider } of this.#providers()) {
      for (const model of provider.models()) {
        const key = canonicalModelName(model.id)
        const known = listed.get(key)
        if (known === undefined) listed.set(key, { ...model, peers: [provider.peer] })
        else {
          known.peers.push(provider.peer)
          // What every peer that serves it can hold.
          known.contextLength = Math.min(known.contextLength, model.contextLength)
        }
      }
    }
    return [...listed.values()].sort((a, b) => a.id.localeCompare(b.id))
  }

  peers(): PeerStatus[] {
    const live = new Map(
      this.#components.directory.contributors().map((contributor) => [contributor.peer, contributor])
    )
    return [...new Map([...this.#seen, ...live]).values()].map((contributor) => {
      const { slots, active, queued, models } = contributor.announcement
      const health = this.#healthOf(contributor.peer)
      const up = live.has(contributor.peer)
      return {
        peer: contributor.peer,
        route: new RemoteProvider(contributor, this.#remote).route,
        state: !up ? 'down' : health.excluded(this.#components.now()) ? 'excluded' : 'up',
        models: models.map(({ id }) => id),
        slots,
        active,
        queued,
        answered: health.answered,
        failed: health.failed,
        firstTokenMs: health.firstTokenMs
      }
    })
  }

  async *infer(request: InferenceRequest, options: InferOptions = {}): AsyncGenerator<AnswerEvent> {
    const { signal } = options
    const tried = new Set<string>()
    const failures: LobstahError[] = []
    while (tried.size < MAX_ATTEMPTS) {
      const candidate = await this.#choose(request, tried, signal)
      if (candidate === undefined) break
      tried.add(candidate.provider.peer)
      const attempt = { started: false }
      try {
        yield* this.#attempt(candidate, request, attempt, signal)
        return
      } catch (thrown) {
        signal?.throwIfAborted()
        const err = toLobstahError(thrown)
        if (attempt.started || !err.retryable) throw err
        this.#components.log(
          '%s failed before its first token, asking another: %s',
          candidate.provider.peer,
          err.message
        )
        failures.push(err)
      }
    }
    throw this.#explain(request, failures)
  }

  async *#attempt(
    { provider }: Candidate,
    request: InferenceRequest,
    attempt: { started: boolean },
    signal: AbortSignal | undefined
  ): AsyncGenerator<AnswerEvent> {
    const health = this.#healthOf(provider.peer)
    const asked = performance.now()
    try {
      for await (const event of provider.infer(request, { signal })) {
        if (event.type === 'delta' && !attempt.started) {
          attempt.started = true
          health.firstToken(performance.now() - asked)
        }
        if (event.type === 'end') health.success()
        yield event
        if (event.type === 'end') return
      }
      throw new InvalidFrameError('The answer has no end')
    } catch (err) {
      if (signal?.aborted !== true && !NO_FAULT.has(toLobstahError(err).code))
        health.failure(this.#components.now())
      throw err
    }
  }

  /** The best candidate that was not tried yet; the DHT is asked when nobody is known. */
  async #choose(
    request: InferenceRequest,
    tried: Set<string>,
    signal?: AbortSignal
  ): Promise<Candidate | undefined> {
    const best = (): Candidate | undefined => {
      const candidates = this.#candidates(request).filter(({ provider }) => !tried.has(provider.peer))
      return rank(candidates, request)[0]
    }
    const known = best()
    if (known !== undefined || tried.size > 0) return known
    const { directory } = this.#components
    const deadline = performance.now() + COLD_START_MS
    do {
      await directory.find(request.model, { signal })
      signal?.throwIfAborted()
      const found = best()
      if (found !== undefined) return found
      // A node that has just joined knows nobody yet: its user's first question is worth a short wait.
      if (!directory.joining) return undefined
      await directory.changed(COLD_START_STEP_MS, signal)
    } while (performance.now() < deadline)
    return undefined
  }

  #candidates(request: InferenceRequest): Candidate[] {
    const now = this.#components.now()
    return this.#providers().flatMap(({ provider, load }) => {
      const model = findModel(provider.models(), request.model)
      if (model === undefined) return []
      const health = this.#healthOf(provider.peer)
      return [
        { provider, model, load: load(), firstTokenMs: health.firstTokenMs, excluded: health.excluded(now) }
      ]
    })
  }

  #providers(): { provider: Candidate['provider']; load: () => number }[] {
    const remote = this.#components.directory
      .contributors()
      .filter(({ peer }) => this.#init.allows(peer))
      .map((contributor) => {
        const { active, queued, slots } = contributor.announcement
        return {
          provider: new RemoteProvider(contributor, this.#remote),
          load: () => (active + queued) / Math.max(1, slots)
        }
      })
    return [...this.#components.local, ...remote]
  }

  #explain(request: InferenceRequest, failures: LobstahError[]): LobstahError {
    const busy = failures.find((err) => err instanceof BusyError)
    const last = busy ?? failures.at(-1)
    if (last !== undefined) return last
    if (this.models().length === 0) {
      return new NoProviderError(`Nobody who serves ${request.model} can be reached now`)
    }
    return new ModelNotFoundError(`The model ${request.model} is served by nobody in reach`)
  }

  #healthOf(peer: string): PeerHealth {
    const health = this.#health.get(peer) ?? new PeerHealth()
    this.#health.set(peer, health)
    return health
  }

  get #remote(): ConstructorParameters<typeof RemoteProvider>[1] {
    return { ...this.#components, background: this.#keep }
  }

  readonly #keep = (work: Promise<void>): void => {
    const kept = work.finally(() => this.#background.delete(kept))
    this.#background.add(kept)
  }

  readonly #onChange = (): void => {
    for (const contributor of this.#components.directory.contributors())
      this.#seen.set(contributor.peer, contributor)
  }
}
