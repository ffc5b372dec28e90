import type { LobstahError, OfferedModel } from '../../../protocols/index.ts'
import type { Candidate, Judged } from '../choice/judged.ts'
import { explainCandidates, short, type ExplainedLink, type RouteReason, type Why } from './explanation.ts'

/** Attempts that one link of an explanation keeps. */
const MAX_ATTEMPTS = 16

/** Told of each choice that the consumer makes for a request. */
export interface Watch {
  /** The candidates as they were judged. */
  judged(judged: readonly Judged[]): void
  /** A candidate is asked; `resumes` tells whether it goes on with an answer that broke off. */
  asks(candidate: Candidate, resumes: boolean): void
  answered(): void
  failed(err: LobstahError): void
}

/** Whom a request may go to. */
export type Among = (peer: string, model: OfferedModel) => boolean

export interface LinkWatchInit {
  link: ExplainedLink
  /** Which name of the chain this is, from 1. */
  place: number
  /** Whether the request names its peer. */
  named: boolean
  startedAt: number
  onRoute?: ((reason: RouteReason) => void) | undefined
}

/** Writes down what becomes of one name of a request's chain. */
export class LinkWatch implements Watch {
  readonly #init: LinkWatchInit
  #judged: readonly Judged[] = []
  #tried = 0

  constructor(init: LinkWatchInit) {
    this.#init = init
  }

  judged(judged: readonly Judged[]): void {
    this.#judged = judged
    Object.assign(this.#init.link, explainCandidates(judged))
  }

  asks(candidate: Candidate, resumes: boolean): void {
    const { link, place, startedAt, onRoute } = this.#init
    const reason = {
      why: this.#why(candidate, resumes),
      of: Math.max(1, this.#judged.filter(({ exclusions }) => exclusions.length === 0).length),
      tried: this.#tried++,
      link: place,
      ...(link.as === undefined ? {} : { as: link.as })
    }
    link.attempts.push({
      peer: candidate.provider.peer,
      why: reason.why,
      atMs: Math.round(performance.now() - startedAt),
      outcome: 'asked'
    })
    if (link.attempts.length > MAX_ATTEMPTS) link.attempts.shift()
    onRoute?.(reason)
  }

  answered(): void {
    this.#latest({ outcome: 'answered' })
  }

  failed({ code, message }: LobstahError): void {
    this.#latest({ outcome: code, message: short(message) })
  }

  #latest(outcome: { outcome: string; message?: string }): void {
    Object.assign(this.#init.link.attempts.at(-1) ?? {}, outcome)
  }

  #why(chosen: Candidate, resumes: boolean): Why {
    if (resumes) return 'resumed'
    if (this.#init.named) return 'named'
    if (chosen.provider.route === 'local') return 'own'
    const askable = this.#judged.filter(({ exclusions }) => exclusions.length === 0)
    if (askable.length <= 1) return 'only'
    const own = askable.find(({ candidate }) => candidate.provider.peer === chosen.provider.peer)
    const rivals = askable.filter(({ lacks }) => lacks.length === own?.lacks.length)
    if (own === undefined || rivals.every(({ score }) => score >= own.score)) return 'soonest'
    return own.known ? 'good' : 'measured'
  }
}
