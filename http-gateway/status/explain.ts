import { NotExplainedError } from '../errors.ts'
import { servedBy } from '../model-names.ts'
import { explanationsAnswer } from '../openapi/answers.ts'
import { route } from '../route.ts'

/** `GET /explain`: the latest requests, and why each went where it went. */
export const explainRecent = route({
  method: 'GET',
  path: '/explain',
  summary: 'Explain the latest requests, newest first',
  answer: explanationsAnswer,
  handle: ({ components: { consumer } }) => ({ explanations: consumer.recent?.() ?? [] })
})

/** `GET /explain/<request id or model>`: a recent request, or the candidates for a model now. */
export const explain = route({
  method: 'GET',
  path: '/explain/*',
  summary: 'Explain a recent request by its id, or the choice of a contributor for a model now',
  answer: explanationsAnswer,
  handle({ components: { consumer } }, { request }) {
    const { '*': subject = '' } = request.params as { '*'?: string }
    const kept = consumer.explained?.(subject) ?? []
    if (kept.length > 0) return { explanations: kept }
    if (consumer.explain === undefined || subject.startsWith('req_')) throw new NotExplainedError(subject)
    // An unknown name gets the nearest ones.
    servedBy(consumer, subject)
    return { explanations: [consumer.explain(subject)] }
  }
})
