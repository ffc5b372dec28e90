import {
  SILENCE_TIMEOUT_MS,
  canonicalModelName,
  type InferenceRequest,
  type LobstahError,
  type OfferedModel,
  type Provider
} from '../../../protocols/index.ts'
import QuickLRU from 'quick-lru'
import type { TokenCounts } from '../peers/token-drift.ts'
import type { Peers } from '../peers/peers.ts'
import { Affinity, sessionOf } from './affinity.ts'
import type { Attempts } from './attempts.ts'
import { ContextLimits, contextNeed, patienceFor } from './context.ts'
import type { PriceLimits } from './price-limits.ts'
import { LATEST_ANSWER, USUAL_ANSWER_TOKENS, USUAL_FAILURE_RATE } from './constants.ts'
import { isTrusted } from './evidence.ts'
import { findModel } from './fitness.ts'
import type { Candidate as JudgedCandidate, Relation } from './judged.ts'

/** Models whose answers' length is remembered. */
const MAX_MODELS = 256

/** How long a model that answered is taken to stay in memory, in milliseconds: Ollama's default, less the time to notice. */
const LOADED_MS = 4 * 60_000

/** See {@link Candidates.patience}. */
export interface Patience {
  acceptMs?: number
  patienceMs?: number
}

/** A provider that may be asked, with what decides how soon. */
export interface Candidate extends JudgedCandidate {
  provider: Provider
}

/** One that offers models now. */
export interface Offerer {
  provider: Provider
  load: () => number
  slots?: number
  roundTripMs?: number | undefined
  /** Whether it may be asked at all. @default true */
  allowed?: boolean
}

export interface CandidatesComponents {
  /** All that are in reach now. */
  providers: () => Offerer[]
  peers: Peers
  counts: Pick<TokenCounts, 'billing'>
  priceLimits: PriceLimits
  /** A peer's relation to this node. */
  relation: (peer: string) => Relation
  /** Milliseconds since 1970. */
  now: () => number
}

/** Finds who may answer a request, with what this node has learned of each. */
export class Candidates {
  readonly #components: CandidatesComponents
  readonly #affinity = new Affinity()
  readonly #limits = new ContextLimits()
  /** Tokens of the latest answers of each model, the latest counting most. */
  readonly #answers = new QuickLRU<string, number>({ maxSize: MAX_MODELS })

  constructor(components: CandidatesComponents) {
    this.#components = components
  }

  /**
   * All that serve the request's model, those included that may not be asked; `session` is the client's name for its
   * session, and `attempts` tells who was asked before.
   */
  of(request: InferenceRequest, session?: string, attempts?: Attempts): Candidate[] {
    const { providers, peers, counts, priceLimits, relation } = this.#components
    const now = this.#components.now()
    const id = sessionOf(request, session)
    const name = canonicalModelName(request.model)
    return providers().flatMap(({ provider, load, slots = 1, roundTripMs, allowed = true }) => {
      const { peer, route } = provider
      const model = findModel(provider.models(), request.model)
      if (model === undefined) return []
      const health = peers.health(peer)
      const contextLength = this.contextLength(peer, model)
      const pace = health.pace(name).at(now)
      return [
        {
          provider,
          // A model that has just answered is in memory, whatever was announced before.
          model:
            now - (health.answeredAt(name) ?? -Infinity) < LOADED_MS ? { ...model, loaded: true } : model,
          contextLength,
          load: load(),
          slots,
          firstTokenMs: health.firstTokenMs,
          pace,
          roundTripMs,
          excluded: route !== 'local' && health.unreachable,
          failing: health.failing(now),
          ...(health.answered + health.failed === 0
            ? {}
            : { failureRate: health.failureRate(USUAL_FAILURE_RATE) }),
          standing: health.standing(now),
          relation: route === 'local' ? 'own' : relation(peer),
          allowed,
          tooDear: route !== 'local' && priceLimits.exceeds(model),
          tried: attempts !== undefined && !attempts.allows(peer, contextLength, performance.now()),
          warmTokens: id === undefined ? 0 : this.#affinity.tokens(id, peer, now),
          billing: counts.billing(peer, model)
        }
      ]
    })
  }

  /**
   * How long a peer may take to accept, and one that never answered to its first token, in milliseconds, where another
   * may be asked. Where the answer has begun, a lone peer has to accept as soon: it has just been lost.
   */
  patience(candidate: Candidate, request: InferenceRequest, others: number, begun: boolean): Patience {
    if (candidate.provider.route === 'local' || (others === 0 && !begun)) return {}
    if (others === 0) return { acceptMs: SILENCE_TIMEOUT_MS }
    const knows = candidate.standing === 'proven' || isTrusted(candidate)
    return { acceptMs: SILENCE_TIMEOUT_MS, ...(knows ? {} : { patienceMs: patienceFor(request) }) }
  }

  /** Tokens that an answer of a model usually has. */
  usualAnswer(model: string): number {
    return this.#answers.get(canonicalModelName(model)) ?? USUAL_ANSWER_TOKENS
  }

  /** Notes how many tokens an answer had. */
  wrote(model: string, tokens: number): void {
    const usual = this.usualAnswer(model)
    this.#answers.set(canonicalModelName(model), usual + (tokens - usual) * LATEST_ANSWER)
  }

  /** Notes who has just answered a session. */
  answered(request: InferenceRequest, session: string | undefined, peer: string, tokens: number): void {
    const id = sessionOf(request, session)
    if (id !== undefined) this.#affinity.answered(id, peer, tokens, this.#components.now())
  }

  /** A provider's models with the contexts that they are known to hold. */
  held({ peer, models }: { peer: string; models: OfferedModel[] }): OfferedModel[] {
    return models.map((model) => ({ ...model, contextLength: this.contextLength(peer, model) }))
  }

  /** The known context of a peer's model, in tokens. */
  contextLength(peer: string, { id, contextLength }: OfferedModel): number | null {
    return this.#limits.of(peer, id, contextLength)
  }

  /** Takes from a refusal what the peer's model really holds: where it does not tell, less than this request. */
  learnContext({ provider, model }: Candidate, request: InferenceRequest, err: LobstahError): void {
    const limit = err.contextLength ?? contextNeed(request).prompt
    this.#limits.learn(provider.peer, model.id, model.contextLength, limit)
  }
}
