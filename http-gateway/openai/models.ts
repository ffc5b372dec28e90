import type { FastifyInstance } from 'fastify'
import type { ListedModel } from '../../node/consumer/index.ts'
import type { GatewayContext } from '../context.ts'
import { findServed } from '../model-names.ts'

/** `GET /v1/models` and `/v1/models/<id>`; an id may hold slashes. */
export function models(app: FastifyInstance, context: GatewayContext, done: () => void): void {
  const { consumer } = context.components
  app.get('/v1/models', () => ({ object: 'list', data: consumer.models().map(toModel) }))
  app.get<{ Params: { '*': string } }>('/v1/models/*', (request) => {
    return toModel(findServed(consumer.models(), request.params['*']))
  })
  done()
}

/** Nobody tells when a model was made: this is since when it may have been listed here. */
const CREATED = Math.floor(performance.timeOrigin / 1000)

function toModel({ id, contextLength, peers, ...model }: ListedModel): object {
  return {
    id,
    object: 'model',
    created: CREATED,
    owned_by: 'lobstah',
    // One number, by the three names that clients look for; none while the context is unknown.
    ...(contextLength === null
      ? {}
      : { context_length: contextLength, context_window: contextLength, max_model_len: contextLength }),
    lobstah: { peers, ...model }
  }
}
