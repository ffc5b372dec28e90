import type { IncomingMessage } from 'node:http'
import { TRACEPARENT } from '../protocols/inference/index.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The caller's W3C trace context, where it sent a valid one. */
    traceparent: string | undefined
  }
}

/** A request's trace context. One that is not valid is ignored, as the W3C wants it. */
export function traceparentOf({ headers: { traceparent } }: IncomingMessage): string | undefined {
  return typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : undefined
}
