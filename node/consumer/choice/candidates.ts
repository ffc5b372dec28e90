import {
  SILENCE_TIMEOUT_MS,
  type InferenceRequest,
  type LobstahError,
  type OfferedModel,
  type Provider
} from '../../../protocols/index.ts'
import type { LocalProvider } from '../index.ts'
import type { TokenCounts } from '../peers/token-drift.ts'
import type { Peers } from '../peers/peers.ts'
import { Affinity, sessionOf } from './affinity.ts'
import type { Attempts } from './attempts.ts'
import { ContextLimits, contextNeed, patienceFor } from './context.ts'
import type { PriceLimits } from './price-limits.ts'
import { findModel, type Candidate as RankedCandidate } from './ranking.ts'

/** See {@link Candidates.patience}. */
export interface Patience {
  acceptMs?: number
  patienceMs?: number
}

/** A provider that may be asked, with what decides how soon. */
export interface Candidate extends RankedCandidate {
  provider: Provider
}

export interface CandidatesComponents {
  /** All that can be asked now. */
  providers: () => LocalProvider[]
  peers: Peers
  counts: Pick<TokenCounts, 'billing'>
  priceLimits: PriceLimits
  /** Whether a peer is a friend, or a creditor. */
  trusts: (peer: string) => boolean
  /** Milliseconds since 1970. */
  now: () => number
}

/** Finds who may answer a request, with what this node has learned of each. */
export class Candidates {
  readonly #components: CandidatesComponents
  readonly #affinity = new Affinity()
  readonly #limits = new ContextLimits()

  constructor(components: CandidatesComponents) {
    this.#components = components
  }

  /** Those that serve the request's model at a price that is paid; `session` is the client's name for its session. */
  of(request: InferenceRequest, session?: string): Candidate[] {
    const { providers, peers, counts, priceLimits } = this.#components
    const now = this.#components.now()
    const id = sessionOf(request, session)
    const warm = id === undefined ? undefined : this.#affinity.peer(id, now)
    return providers().flatMap(({ provider, load }) => {
      const model = findModel(provider.models(), request.model)
      if (model === undefined || (provider.route !== 'local' && priceLimits.exceeds(model))) return []
      const health = peers.health(provider.peer)
      return [
        {
          provider,
          model,
          contextLength: this.contextLength(provider.peer, model),
          load: load(),
          firstTokenMs: health.firstTokenMs,
          excluded: health.excluded(now),
          standing: health.standing(now),
          trusted: this.#components.trusts(provider.peer),
          warm: provider.peer === warm,
          billing: counts.billing(provider.peer, model)
        }
      ]
    })
  }

  /** Those of the candidates that are still to be asked. */
  left(candidates: Candidate[], attempts: Attempts): Candidate[] {
    const now = performance.now()
    return candidates.filter(({ provider, contextLength }) =>
      attempts.allows(provider.peer, contextLength, now)
    )
  }

  /**
   * How long a peer may take to accept, and one that never answered to its first token, in milliseconds, where another
   * may be asked.
   */
  patience(candidate: Candidate, request: InferenceRequest, attempts: Attempts): Patience {
    const { provider, standing, trusted } = candidate
    if (provider.route === 'local' || this.left(this.of(request), attempts).length < 2) return {}
    const knows = standing === 'proven' || trusted === true
    return { acceptMs: SILENCE_TIMEOUT_MS, ...(knows ? {} : { patienceMs: patienceFor(request) }) }
  }

  /** Notes who has just answered a session. */
  answered(request: InferenceRequest, session: string | undefined, peer: string): void {
    const id = sessionOf(request, session)
    if (id !== undefined) this.#affinity.answered(id, peer, this.#components.now())
  }

  /** A provider's models with the contexts that they are known to hold. */
  held({ peer, models }: { peer: string; models: OfferedModel[] }): OfferedModel[] {
    return models.map((model) => ({ ...model, contextLength: this.contextLength(peer, model) }))
  }

  /** What a peer's model holds as far as is known, in tokens. */
  contextLength(peer: string, { id, contextLength }: OfferedModel): number | null {
    return this.#limits.of(peer, id, contextLength)
  }

  /** Takes from a refusal what the peer's model really holds: where it does not tell, less than this request. */
  learnContext({ provider, model }: Candidate, request: InferenceRequest, err: LobstahError): void {
    const limit = err.contextLength ?? contextNeed(request).prompt
    this.#limits.learn(provider.peer, model.id, model.contextLength, limit)
  }
}
