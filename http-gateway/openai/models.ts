import type { FastifyRequest } from 'fastify'
import type { ListedModel } from '../../node/consumer/index.ts'
import { toModelInfo, toModelPage } from '../anthropic/models.ts'
import { canonicalModelName } from '../../protocols/inference/index.ts'
import { listedBy, servedBy } from '../model-names.ts'
import { modelAnswer, modelsAnswer } from '../openapi/answers.ts'
import { route } from '../route.ts'

/** `GET /v1/models`. */
export const models = route({
  method: 'GET',
  path: '/v1/models',
  summary: 'List the models that are available now',
  answer: modelsAnswer,
  handle({ components }, { request }) {
    const models = listedBy(components.consumer)
    return isAnthropic(request) ? toModelPage(models) : { object: 'list', data: models.map(toModel) }
  }
})

/** `GET /v1/models/<id>`; an id may hold slashes. */
export const model = route({
  method: 'GET',
  path: '/v1/models/*',
  summary: 'Retrieve one model; the id may contain slashes',
  answer: modelAnswer,
  handle({ components }, { request }) {
    const { '*': id = '' } = request.params as { '*'?: string }
    const served = servedBy(components.consumer, id, true)
    const isOwn = canonicalModelName(served.id) === canonicalModelName(id)
    const found = isOwn ? served : { ...served, id, model: served.id }
    return isAnthropic(request) ? toModelInfo(found) : toModel(found)
  }
})

/** Anthropic's API has the same paths for its models; its clients all send their version. */
function isAnthropic({ headers }: FastifyRequest): boolean {
  return headers['anthropic-version'] !== undefined
}

/** Nobody tells when a model was made: this is since when it may have been listed here. */
const CREATED = Math.floor(performance.timeOrigin / 1000)

function toModel({ id, contextLength, peers, ...model }: ListedModel & { model?: string }): object {
  const details = { ...model }
  // Long, and only Ollama's clients look for it.
  delete details.template
  return {
    id,
    object: 'model',
    created: CREATED,
    owned_by: 'lobstah',
    // One number, by the three names that clients look for; none while the context is unknown.
    ...(contextLength === null
      ? {}
      : { context_length: contextLength, context_window: contextLength, max_model_len: contextLength }),
    lobstah: { peers, ...details }
  }
}
