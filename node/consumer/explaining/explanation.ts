import type { LobstahError, Route } from '../../../protocols/index.ts'
import type { Exclusion, Judged, Relation, Terms } from '../choice/judged.ts'

/** Candidates that an explanation keeps of one choice: those that could be asked first. */
const MAX_CANDIDATES = 16

/** Longest text of a peer's that an explanation keeps, in characters. */
const MAX_TEXT_LENGTH = 256

/**
 * Why a contributor is asked: it is this node's `own` engine, the request `named` it, it is the `only` one left, it is
 * expected to finish `soonest` or is one of two `good` ones, its pace is being `measured`, it goes on with an answer that
 * broke off (`resumed`), or the mesh cannot serve the request (`mesh-failed`).
 */
export type Why = 'own' | 'named' | 'only' | 'soonest' | 'good' | 'measured' | 'resumed' | 'mesh-failed'

/** Why a request goes where it goes, in short. */
export interface RouteReason {
  why: Why
  /** Contributors that could be asked, this one included. */
  of: number
  /** Contributors that were asked before, in vain. */
  tried: number
  /** Which name of the request's chain is served, from 1. */
  link: number
  /** What stood between the name and the model; undefined where it is the model's own name. */
  as?: 'alias' | 'auto' | undefined
}

/** A candidate, why it was left out if it was, and what it was judged by. */
export interface ExplainedCandidate {
  peer: string
  route: Route
  relation: Relation
  model: string
  exclusions: Exclusion[]
  /** What makes up its score, in milliseconds. */
  terms: Terms
  finishMs: number
  score: number
  /** Capabilities that the request wants and the model lacks there. */
  lacks: string[]
  /** Whether this node has measured its pace. */
  known: boolean
}

/** One contributor that was asked, and what came of it. */
export interface ExplainedAttempt {
  peer: string
  why: Why
  /** Milliseconds since the request. */
  atMs: number
  /** `answered`, the code of the failure, or `asked` while it is open. */
  outcome: string
  message?: string
}

/** One name of a request's chain, and what came of it. */
export interface ExplainedLink {
  name: string
  model: string
  as?: 'alias' | 'auto' | undefined
  /** The latest candidates, the best first, then those that were left out. */
  candidates: ExplainedCandidate[]
  /** Candidates that are not listed. */
  more: number
  attempts: ExplainedAttempt[]
  /** Why it could not be served. */
  failure?: { code: string; message: string }
}

/** Why a request was answered by whom. */
export interface Explanation {
  /** The request's id: `x-request-id`. */
  request: string
  /** Milliseconds since 1970. */
  at: number
  asked: string
  links: ExplainedLink[]
  served?: { peer: string; route: Route | 'last-resort'; model: string; reason: RouteReason }
}

/** A name that is tried, before anything has come of it. */
export function linkOf({ name, model, as }: Pick<ExplainedLink, 'name' | 'model' | 'as'>): ExplainedLink {
  return { name, model, ...(as === undefined ? {} : { as }), candidates: [], more: 0, attempts: [] }
}

/** A name that stands for nothing that can be asked. */
export function failedLink(name: string, { code, message }: LobstahError): ExplainedLink {
  return { ...linkOf({ name, model: name }), failure: { code, message: short(message) } }
}

/** The candidates as an explanation lists them: the best first, then those that were left out. */
export function explainCandidates(judged: readonly Judged[]): Pick<ExplainedLink, 'candidates' | 'more'> {
  const sorted = judged.toSorted(
    (a, b) =>
      Number(a.exclusions.length > 0) - Number(b.exclusions.length > 0) ||
      a.lacks.length - b.lacks.length ||
      a.score - b.score
  )
  const candidates = sorted.slice(0, MAX_CANDIDATES).map(explainCandidate)
  return { candidates, more: sorted.length - candidates.length }
}

function explainCandidate({
  candidate,
  exclusions,
  terms,
  finishMs,
  score,
  lacks,
  known
}: Judged): ExplainedCandidate {
  const { provider, model, relation } = candidate
  return {
    peer: provider.peer,
    route: provider.route,
    relation: relation ?? (provider.route === 'local' ? 'own' : 'stranger'),
    model: model.id,
    exclusions,
    terms: rounded(terms),
    finishMs: Math.round(finishMs),
    score: Math.round(score),
    lacks,
    known
  }
}

function rounded(terms: Terms): Terms {
  return Object.fromEntries(
    Object.entries(terms).map(([name, ms]: [string, number]) => [name, Math.round(ms)])
  ) as unknown as Terms
}

/** A peer's text, no longer than is kept. */
export function short(text: string): string {
  return text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text
}
