import {
  ModelNotFoundError,
  NoProviderError,
  canonicalModelName,
  toLobstahError,
  type AnswerEvent,
  type InferenceRequest,
  type LobstahError
} from '../../../protocols/index.ts'
import { awaitCandidate } from '../choice/await-candidate.ts'
import { listModels } from '../choice/list-models.ts'
import type { LobstahConsumer } from '../consumer.ts'
import { explainCandidates, failedLink, linkOf, short, type Explanation } from '../explaining/explanation.ts'
import { Explanations } from '../explaining/explanations.ts'
import { told } from '../explaining/told.ts'
import { LinkWatch } from '../explaining/watch.ts'
import type {
  Consumer,
  ConsumerComponents,
  ConsumerInferOptions,
  ConsumerInit,
  ListedModel,
  ListedName,
  NameOptions,
  PeerStatus
} from '../index.ts'
import type { Standing } from '../peers/peer-health.ts'
import { amongOf, askTarget, failureOf } from './chain.ts'
import { askLastResort } from './ask-last-resort.ts'
import { AUTO } from './model-name.ts'
import { Names, type Reach, type Target } from './names.ts'

/** Milliseconds that a busy model is waited for while a fallback is left. */
const DEFAULT_FALLBACK_AFTER_MS = 5000

/** Names that one request tries, at most. */
const MAX_LINKS = 9

/** See {@link Consumer}. */
export class NamedConsumer implements Consumer {
  readonly #init: ConsumerInit
  readonly #components: ConsumerComponents
  readonly #inner: LobstahConsumer
  readonly #names: Names
  readonly #explanations = new Explanations()

  constructor(init: ConsumerInit, components: ConsumerComponents, inner: LobstahConsumer) {
    this.#init = init
    this.#components = components
    this.#inner = inner
    this.#names = new Names({ ...init, peer: components.peer })
  }

  start(): void {
    this.#inner.start()
  }

  stop(): Promise<void> {
    return this.#inner.stop()
  }

  standing(peer: string): Standing {
    return this.#inner.standing(peer)
  }

  models(): ListedModel[] {
    return this.#inner.models()
  }

  peers(): PeerStatus[] {
    return this.#inner.peers()
  }

  names(): ListedName[] {
    const names = [...this.#names.aliases.map(([alias]) => alias), AUTO]
    return [...new Set(names)].flatMap((id) => {
      try {
        const model = this.lookUp(id)
        return [{ ...model, id, model: model.id }]
      } catch {
        // It stands for nothing that can be asked now.
        return []
      }
    })
  }

  lookUp(name: string, options: NameOptions = {}): ListedModel {
    const reach = this.#reach()
    const [target] = this.#names.resolve(name, probe(name), reach, options)
    const among = amongOf(target?.confined ?? {})
    const offers = reach.offers.map(({ peer, models }) => ({
      peer,
      models: models.filter((model) => among(peer, model))
    }))
    const wanted = canonicalModelName(target?.model ?? name)
    const found = listModels(offers).find(({ id }) => canonicalModelName(id) === wanted)
    if (found === undefined) throw new ModelNotFoundError(`No contributor in reach serves the model ${name}`)
    return found
  }

  spellings(name: string, options?: NameOptions): string[] {
    return this.#names.spellings(name, options)
  }

  explained(request: string): readonly Explanation[] {
    return this.#explanations.of(request)
  }

  recent(): Explanation[] {
    return this.#explanations.latest()
  }

  explain(name: string, options: NameOptions = {}): Explanation {
    const request = probe(name)
    const links = this.#chain(name, options).flatMap((link, place) => {
      try {
        return this.#names.resolve(link, request, this.#reach(), options).map((target) => ({
          ...linkOf(target),
          ...explainCandidates(this.#inner.judge(this.#probe(target.model), amongOf(target.confined)))
        }))
      } catch (err) {
        if (place === 0) throw err
        return [failedLink(link, toLobstahError(err))]
      }
    })
    return { request: '', at: this.#components.now(), asked: name, links }
  }

  async *infer(request: InferenceRequest, options: ConsumerInferOptions = {}): AsyncGenerator<AnswerEvent> {
    const explanation: Explanation = {
      request: options.requestId ?? '',
      at: this.#components.now(),
      asked: request.model,
      links: []
    }
    if (options.requestId !== undefined) this.#explanations.add(explanation)
    const startedAt = performance.now()
    const failures: LobstahError[] = []
    const names = this.#chain(request.model, options)
    const resort = this.#lastResort(request.model, options)
    for (const [place, name] of names.entries()) {
      const targets = await this.#targets(name, request, options).catch((thrown: unknown) => {
        options.signal?.throwIfAborted()
        const err = toLobstahError(thrown)
        if (err.code === 'bad_request') throw err
        explanation.links.push(failedLink(name, err))
        failures.push(err)
        return []
      })
      for (const [index, target] of targets.entries()) {
        const link = linkOf(target)
        explanation.links.push(link)
        const last = place === names.length - 1 && index === targets.length - 1 && resort === undefined
        const watch = new LinkWatch({
          link,
          place: place + 1,
          named: target.confined.peer !== undefined,
          startedAt,
          onRoute: (reason) => {
            explanation.served = { peer: '', route: 'direct', model: target.model, reason }
            options.onRoute?.(reason)
          }
        })
        const err = yield* told(
          askTarget(request, target, {
            infer: (asked, chosen) => this.#inner.infer(asked, chosen),
            options,
            watch,
            patienceMs: last ? undefined : (this.#init.fallbackAfterMs ?? DEFAULT_FALLBACK_AFTER_MS),
            ownQueue: () => this.#components.local.some(({ load }) => load() > 1)
          }),
          explanation
        )
        if (err === undefined) return
        link.failure = { code: err.code, message: short(err.message) }
        failures.push(err)
      }
    }
    if (resort !== undefined) {
      yield* told(resort(request, explanation, names.length + 1), explanation)
      return
    }
    delete explanation.served
    throw failureOf(failures, names)
  }

  /** The names to try, in order. What a request names its peer or digest for goes to no other that it does not name itself. */
  #chain(name: string, { fallback, exactCase = false }: ConsumerInferOptions): string[] {
    const confined = this.#names.confines(name, this.#reach(), { exactCase })
    const further = fallback ?? (confined ? [] : (this.#init.fallback ?? []))
    const chain = new Map([name, ...further].toReversed().map((each) => [canonicalModelName(each), each]))
    // The first of equals counts.
    return [...chain.values()].toReversed().slice(0, MAX_LINKS)
  }

  async #targets(name: string, request: InferenceRequest, options: ConsumerInferOptions): Promise<Target[]> {
    const { allowsModel = () => true } = options
    const allows = (model: string): boolean => allowsModel(name) || allowsModel(model)
    const resolve = (): Target[] => this.#names.resolve(name, request, this.#reach(), { ...options, allows })
    let targets: Target[] | undefined
    try {
      targets = resolve()
    } catch (err) {
      const { directory } = this.#components
      if (!(err instanceof NoProviderError) || !directory.joining) throw err
      targets = await awaitCandidate(undefined, () => attempt(resolve), {
        directory,
        departure: undefined,
        now: this.#components.now,
        signal: options.signal
      })
      if (targets === undefined) throw err
    }
    return targets.filter(({ model }) => allows(model))
  }

  #lastResort(
    name: string,
    options: ConsumerInferOptions
  ):
    | ((request: InferenceRequest, explanation: Explanation, link: number) => AsyncGenerator<AnswerEvent>)
    | undefined {
    const { lastResort } = this.#components
    if (lastResort === undefined || options.lastResort === false) return undefined
    if (this.#names.confines(name, this.#reach(), options)) return undefined
    const model = this.#names.spellings(name, options).at(-1) ?? name
    return (request, explanation, link) =>
      askLastResort({ ...request, model }, { lastResort, explanation, link, options })
  }

  #reach(): Reach {
    return { offers: this.#inner.reach(), peers: this.#inner.peers().map(({ peer }) => peer) }
  }

  /** A request by which a model is explained: of a kind that it answers. */
  #probe(model: string): InferenceRequest {
    const wanted = canonicalModelName(model)
    const offered = this.#inner.models().find(({ id }) => canonicalModelName(id) === wanted)
    if (offered === undefined || offered.capabilities.includes('chat')) return probe(model)
    if (offered.capabilities.includes('embedding')) return { kind: 'embedding', model, input: ['?'] }
    return { kind: 'completion', model, prompt: '?' }
  }
}

function probe(model: string): InferenceRequest {
  return { kind: 'chat', model, messages: [{ role: 'user', content: '?' }] }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
