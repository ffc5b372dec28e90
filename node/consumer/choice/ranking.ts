import {
  canonicalModelName,
  type InferenceRequest,
  type ModelInfo,
  type OfferedModel,
  type Provider
} from '../../../protocols/index.ts'
import type { Standing } from '../peers/peer-health.ts'
import { contextNeed, contextRank, type ContextNeed } from './context.ts'
import { evidenceOf, exploredPart, isDoubtful, isGood, standingOf, type Evidence } from './evidence.ts'

/** What decides how soon a provider is asked. */
export interface Candidate {
  provider: Pick<Provider, 'peer' | 'route'>
  model: OfferedModel
  /** Tokens that the model holds there as far as is known; null where it is not. */
  contextLength: number | null
  /** Requests running and waiting there, per slot. */
  load: number
  /** Median time to the first token, in milliseconds; null when it was never asked. */
  firstTokenMs: number | null
  excluded: boolean
  /** How it has done. @default by whether its time to the first token is known */
  standing?: Standing
  /** A friend, or a peer that this node owes. @default false */
  trusted?: boolean
  /** Its engine still holds what it read of this session's prompt. @default false */
  warm?: boolean
  /** Tokens that it bills for a text, as a multiple of what others bill for the same model. @default 1 */
  billing?: number
}

/** Time to the first token that an unknown peer is given, in milliseconds: it is tried before slow ones. */
const UNKNOWN_FIRST_TOKEN_MS = 300

/** A relayed path counts as so much slower than a direct one. */
const RELAYED_PENALTY = 1.2

/** The model of a list that goes by a name. */
export function findModel(models: OfferedModel[], name: string): OfferedModel | undefined {
  const wanted = canonicalModelName(name)
  return models.find(({ id }) => canonicalModelName(id) === wanted)
}

/** How many of a request's wishes a model can fulfil; the engine itself refuses what it must. */
function fitness(model: ModelInfo, request: InferenceRequest): number {
  const wishes: string[] = [request.kind]
  if (request.kind === 'chat') {
    if (request.tools !== undefined) wishes.push('tools')
    if (typeof request.tool_choice === 'object' || request.tool_choice === 'required')
      wishes.push('tool_choice')
    if (request.response_format?.type === 'json_schema') wishes.push('json_schema')
    if (request.response_format?.type === 'json_object') wishes.push('json_object')
    if (
      request.messages.some(
        ({ content }) => Array.isArray(content) && content.some(({ type }) => type === 'image_url')
      )
    ) {
      wishes.push('vision')
    }
  }
  if (request.kind !== 'embedding' && request.top_logprobs !== undefined) wishes.push('logprobs')
  return wishes.filter((wish) => model.capabilities.includes(wish)).length
}

/** How many times slower a dear peer counts, at most. */
const MAX_DEARNESS = 4

function slowness({ provider, firstTokenMs, load }: Candidate): number {
  const penalty = provider.route === 'relayed' ? RELAYED_PENALTY : 1
  return (firstTokenMs ?? UNKNOWN_FIRST_TOKEN_MS) * penalty * (1 + load)
}

/** What a request comes to at a candidate, in micro-credits, by an estimate of its tokens. */
function cost({ model: { price }, billing = 1 }: Candidate, { prompt, answer }: ContextNeed): number {
  return (price.prompt * prompt + price.completion * answer) * billing
}

/**
 * The order in which candidates are asked: those whose context holds the prompt; of these the ones that have not failed
 * lately, can do what is asked, and hold the longest answer too; then those with a free slot, this node's own engine
 * and the one that is warm for the session first, then the fastest for its price: one that costs twice as much must be
 * twice as fast. A part of the requests goes to peers that were never asked, so that each is measured.
 *
 * Peers that have only refused or failed come last. Where most have, as where one person runs many peers, those that
 * have answered come before those that were never asked, with one request waiting too.
 */
export function rank<C extends Candidate>(
  candidates: C[],
  request: InferenceRequest,
  random: () => number = Math.random,
  evidence: Evidence = evidenceOf(candidates)
): C[] {
  const jitter = new Map<Candidate, number>(candidates.map((candidate) => [candidate, 1 + random() / 10]))
  const explores = random() < exploredPart(evidence)
  const need = contextNeed(request)
  const context = ({ contextLength }: Candidate): number => contextRank(contextLength, need)
  const tooSmall = (candidate: Candidate): number => (context(candidate) === 2 ? 1 : 0)
  // Where none holds the prompt by the estimate, the largest comes closest.
  const shortfall = (candidate: Candidate): number =>
    tooSmall(candidate) === 0 ? 0 : -(candidate.contextLength ?? 0)
  const doubts = isDoubtful(evidence)
  const isSafe = (candidate: Candidate): boolean =>
    candidate.trusted === true || candidate.provider.route === 'local' || isGood(candidate)
  const sinks = (candidate: Candidate): number =>
    candidate.trusted !== true && standingOf(candidate) === 'evasive' ? 1 : 0
  const full = (candidate: Candidate): number =>
    candidate.load < (doubts && isSafe(candidate) ? 2 : 1) ? 0 : 1
  const stranger = (candidate: Candidate): number => (doubts && !isSafe(candidate) ? 1 : 0)
  const unknown = ({ provider, firstTokenMs, load }: Candidate): number =>
    explores && firstTokenMs === null && load < 1 && provider.route !== 'local' ? 0 : 1
  const cheapest = Math.min(...candidates.map((candidate) => cost(candidate, need)))
  // A peer that asks nothing is not infinitely better, and no better at all before it has answered.
  const dearness = (candidate: Candidate): number =>
    doubts && !isSafe(candidate)
      ? MAX_DEARNESS
      : Math.min(MAX_DEARNESS, (cost(candidate, need) + 1) / (cheapest + 1))
  const score = (candidate: Candidate): number =>
    slowness(candidate) * dearness(candidate) * (jitter.get(candidate) ?? 1)
  const local = ({ provider, load }: Candidate): number => (provider.route === 'local' && load < 1 ? 0 : 1)
  const cold = ({ warm = false, load }: Candidate): number => (warm && load < 1 ? 0 : 1)
  return candidates.toSorted(
    (a, b) =>
      tooSmall(a) - tooSmall(b) ||
      shortfall(a) - shortfall(b) ||
      Number(a.excluded) - Number(b.excluded) ||
      sinks(a) - sinks(b) ||
      fitness(b.model, request) - fitness(a.model, request) ||
      context(a) - context(b) ||
      full(a) - full(b) ||
      local(a) - local(b) ||
      cold(a) - cold(b) ||
      unknown(a) - unknown(b) ||
      stranger(a) - stranger(b) ||
      score(a) - score(b)
  )
}
