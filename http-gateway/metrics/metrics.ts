import { route } from '../route.ts'

/** `GET /metrics`: the node's metrics in Prometheus' text format. */
export const metrics = route({
  method: 'GET',
  path: '/metrics',
  summary: 'Metrics for Prometheus',
  type: 'text/plain',
  async handle({ metrics: { registry } }, { reply }) {
    reply.type(registry.contentType)
    return await registry.metrics()
  }
})
