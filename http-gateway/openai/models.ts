import type { FastifyInstance } from 'fastify'
import type { ListedModel } from '../../node/consumer/index.ts'
import { ModelNotFoundError } from '../../protocols/errors.ts'
import type { GatewayContext } from '../context.ts'
import { findByName, modelNotFoundMessage } from '../model-names.ts'

/** `GET /v1/models` and `/v1/models/<id>`; an id may hold slashes. */
export function models(app: FastifyInstance, context: GatewayContext, done: () => void): void {
  const { consumer } = context.components
  app.get('/v1/models', () => ({ object: 'list', data: consumer.models().map(toModel) }))
  app.get<{ Params: { '*': string } }>('/v1/models/*', (request) => {
    const listed = consumer.models()
    const name = request.params['*']
    const model = findByName(listed, name)
    if (model !== undefined) return toModel(model)
    throw new ModelNotFoundError(
      modelNotFoundMessage(
        name,
        listed.map(({ id }) => id)
      )
    )
  })
  done()
}

function toModel({ id, contextLength, peers, ...model }: ListedModel): object {
  return {
    id,
    object: 'model',
    // Nobody tells when a model was made.
    created: 0,
    owned_by: 'lobstah',
    // One number, by the three names that clients look for.
    context_length: contextLength,
    context_window: contextLength,
    max_model_len: contextLength,
    lobstah: { peers, ...model }
  }
}
