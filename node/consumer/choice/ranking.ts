import {
  canonicalModelName,
  type InferenceRequest,
  type ModelInfo,
  type OfferedModel,
  type Provider
} from '../../../protocols/index.ts'

/** A provider with what decides how soon it is asked. */
export interface Candidate {
  provider: Provider
  model: OfferedModel
  /** Requests running and waiting there, per slot. */
  load: number
  /** Median time to the first token, in milliseconds; null when it was never asked. */
  firstTokenMs: number | null
  excluded: boolean
  /** Its engine still holds what it read of this session's prompt. @default false */
  warm?: boolean
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

function slowness({ provider, firstTokenMs, load }: Candidate): number {
  const penalty = provider.route === 'relayed' ? RELAYED_PENALTY : 1
  return (firstTokenMs ?? UNKNOWN_FIRST_TOKEN_MS) * penalty * (1 + load)
}

/**
 * The order in which candidates are asked: those that can do what is asked, then this node's own engine while
 * it has a free slot, then the one that is warm for the session while that one has, then the least loaded and
 * fastest; those that failed lately come last.
 */
export function rank(candidates: Candidate[], request: InferenceRequest): Candidate[] {
  const jitter = new Map(candidates.map((candidate) => [candidate, 1 + Math.random() / 10]))
  const score = (candidate: Candidate): number => slowness(candidate) * (jitter.get(candidate) ?? 1)
  const local = ({ provider, load }: Candidate): number => (provider.route === 'local' && load < 1 ? 0 : 1)
  const cold = ({ warm = false, load }: Candidate): number => (warm && load < 1 ? 0 : 1)
  return candidates.toSorted(
    (a, b) =>
      Number(a.excluded) - Number(b.excluded) ||
      fitness(b.model, request) - fitness(a.model, request) ||
      local(a) - local(b) ||
      cold(a) - cold(b) ||
      score(a) - score(b)
  )
}
