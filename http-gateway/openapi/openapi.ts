import type { FastifyInstance } from 'fastify'
import type { GatewayContext } from '../context.ts'
import { openapiDocument } from './document.ts'

/** `GET /openapi.json`: the routes that this gateway really has. */
export function openapi(app: FastifyInstance, { routes }: GatewayContext, done: () => void): void {
  let document: object | undefined
  app.get('/openapi.json', () => (document ??= openapiDocument(routes.all())))
  done()
}
