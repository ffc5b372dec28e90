import { toLobstahError, type AnswerEvent, type InferenceRequest } from '../../../protocols/index.ts'
import { short, type ExplainedLink, type Explanation } from '../explaining/explanation.ts'
import type { ConsumerInferOptions } from '../index.ts'
import type { LastResort } from './last-resort.ts'

export interface AskLastResortOptions {
  lastResort: LastResort
  explanation: Explanation
  /** Which of the chain this is, from 1. */
  link: number
  options: ConsumerInferOptions
}

/** Has the last resort answer, and writes down what comes of it. Throws what it throws. */
export async function* askLastResort(
  request: InferenceRequest,
  { lastResort, explanation, link: place, options }: AskLastResortOptions
): AsyncGenerator<AnswerEvent> {
  const model = lastResort.nameOf(request.model)
  const tried = explanation.links.reduce((sum, { attempts }) => sum + attempts.length, 0)
  const reason = { why: 'mesh-failed' as const, of: 1, tried, link: place }
  const attempt = { peer: 'last-resort', why: reason.why, atMs: 0, outcome: 'asked' }
  const link: ExplainedLink = { name: request.model, model, candidates: [], more: 0, attempts: [attempt] }
  explanation.links.push(link)
  explanation.served = { peer: 'last-resort', route: 'last-resort', model, reason }
  options.onRoute?.(reason)
  try {
    yield* lastResort.infer({ ...request, model }, { signal: options.signal })
    attempt.outcome = 'answered'
  } catch (err) {
    const { code, message } = toLobstahError(err)
    Object.assign(attempt, { outcome: code, message: short(message) })
    throw err
  }
}
