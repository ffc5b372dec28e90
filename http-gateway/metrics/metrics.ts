import { route } from '../route.ts'

/** `GET /metrics`: all that the node counts, in Prometheus' text format. */
export const metrics = route({
  method: 'GET',
  path: '/metrics',
  summary: 'What the node counts, for Prometheus',
  type: 'text/plain',
  async handle({ metrics: { registry } }, { reply }) {
    reply.type(registry.contentType)
    return await registry.metrics()
  }
})
