import type { InferenceRequest } from '../../../protocols/index.ts'
import { KNOWN_EVIDENCE, MAX_DEARNESS, RELATION_FACTOR, USUAL_ANSWER_TOKENS } from './constants.ts'
import { certainlyTooLong, contextNeed, contextRank, type ContextNeed } from './context.ts'
import { evidenceOf, isSafe, sinks, unknownFailureRate, type Evidence } from './evidence.ts'
import { expectedTime, sum, type Work } from './expected-time.ts'
import { lacking, wishesOf } from './fitness.ts'
import { relationOf, type Candidate, type Exclusion, type Judged } from './judged.ts'

export interface JudgeOptions {
  /** Evidence about the mesh. @default by the candidates */
  evidence?: Evidence
  /** Tokens that answers of this model usually have. @default a few paragraphs */
  usualAnswer?: number
}

/**
 * Judges all candidates for a request: who may be asked at all, and how long each is expected to take. Pure; the order is
 * that of the candidates.
 */
export function judge<C extends Candidate>(
  candidates: readonly C[],
  request: InferenceRequest,
  { evidence = evidenceOf(candidates), usualAnswer = USUAL_ANSWER_TOKENS }: JudgeOptions = {}
): Judged<C>[] {
  const need = contextNeed(request)
  const work = { prompt: need.prompt, answer: answerTokens(request, usualAnswer) }
  const wishes = wishesOf(request)
  const askable = candidates.filter((candidate) => exclusionsOf(candidate).length === 0)
  // The context of a peer that only refuses does not count: it must not keep a request from the others.
  const roomiest = bestContext(
    askable.filter((candidate) => !sinks(candidate)),
    need
  )
  const cheapest = Math.min(...askable.filter(isRemote).map((candidate) => cost(candidate, work)))
  return candidates.map((candidate) => {
    const exclusions = exclusionsOf(candidate)
    if (!isRoomy(candidate, need, roomiest) || certainlyTooLong(candidate.contextLength, request))
      exclusions.push('context')
    const time = expectedTime(candidate, work, unknownFailureRate(candidate, evidence))
    const finishMs = sum(time)
    const price = finishMs * (dearness(candidate, work, cheapest, evidence) - 1)
    const relation = (finishMs + price) * (relationFactor(candidate) - 1)
    const terms = { ...time, price, relation }
    return {
      candidate,
      exclusions,
      terms,
      finishMs,
      score: sum(terms),
      lacks: lacking(candidate.model, wishes),
      known: (candidate.pace?.evidence ?? (candidate.firstTokenMs === null ? 0 : 1)) >= KNOWN_EVIDENCE
    }
  })
}

/** The weight of a second with a candidate. The own engine comes first for what it has a free slot for, and only that. */
function relationFactor(candidate: Candidate): number {
  const relation = relationOf(candidate)
  return RELATION_FACTOR[relation === 'own' && candidate.load >= 1 ? 'friend' : relation]
}

/** Why a candidate is not asked, whatever room it has. */
function exclusionsOf(candidate: Candidate): Exclusion[] {
  const exclusions: Exclusion[] = []
  if (candidate.allowed === false) exclusions.push('not_allowed')
  if (candidate.tooDear === true) exclusions.push('price')
  if (candidate.continues === false) exclusions.push('continue')
  if (candidate.excluded) exclusions.push('unreachable')
  if (candidate.tried === true) exclusions.push('tried')
  return exclusions
}

/** The part of a request that the roomiest candidate holds; its tokens if none holds the prompt by the estimate. */
interface Roomiest {
  rank: 0 | 1 | 2
  tokens: number
}

function bestContext(candidates: readonly Candidate[], need: ContextNeed): Roomiest {
  const ranks = candidates.map(({ contextLength }) => contextRank(contextLength, need))
  return {
    rank: ranks.includes(0) ? 0 : ranks.includes(1) ? 1 : 2,
    tokens: Math.max(0, ...candidates.map(({ contextLength }) => contextLength ?? 0))
  }
}

/** Whether none holds more of a request. The estimate may be wrong: where none seems to hold it, the largest may. */
function isRoomy({ contextLength }: Candidate, need: ContextNeed, { rank, tokens }: Roomiest): boolean {
  if (contextRank(contextLength, need) < rank) return true
  return contextRank(contextLength, need) === rank && (rank < 2 || contextLength === tokens)
}

function answerTokens(request: InferenceRequest, usual: number): number {
  return request.kind === 'embedding' ? 0 : Math.min(request.max_tokens ?? usual, usual)
}

function isRemote({ provider }: Candidate): boolean {
  return provider.route !== 'local'
}

/** The price of a request at a candidate, in micro-credits. */
function cost({ model: { price }, billing = 1 }: Candidate, { prompt, answer }: Work): number {
  return (price.prompt * prompt + price.completion * answer) * billing
}

/** How many times the cheapest a candidate counts. One that asks nothing is not infinitely better. */
function dearness(candidate: Candidate, work: Work, cheapest: number, evidence: Evidence): number {
  if (!isRemote(candidate) || !Number.isFinite(cheapest)) return 1
  // In a doubtful mesh an unknown peer is no better for being cheap.
  if (!isSafe(candidate, evidence)) return MAX_DEARNESS
  return Math.min(MAX_DEARNESS, (cost(candidate, work) + 1) / (cheapest + 1))
}
