import type { FastifyInstance } from 'fastify'
import type { GatewayContext } from '../context.ts'

/** `GET /metrics`: all that the node counts, in Prometheus' text format. */
export function metrics(app: FastifyInstance, { metrics }: GatewayContext, done: () => void): void {
  app.get('/metrics', async (_request, reply) => {
    reply.type(metrics.registry.contentType)
    return await metrics.registry.metrics()
  })
  done()
}
