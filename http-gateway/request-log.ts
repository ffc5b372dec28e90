import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { CLIENT_GONE_STATUS } from './constants.ts'
import type { GatewayContext } from './context.ts'
import { toFailure, type Failure } from './failures.ts'
import { paramAsSent } from './parse.ts'
import { surfaceOf } from './surfaces.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Why its answer broke off after the 200. */
    broken: Failure | undefined
  }
}

/** Counts and logs every answer, and words every failure for its surface. */
export function tellOutcomes(app: FastifyInstance, context: GatewayContext, draining: () => boolean): void {
  const { metrics, components } = context
  app.decorateRequest('broken', undefined)
  app.addHook('onRequest', (request, reply, next) => {
    // Fastify's onResponse is silent about answers that broke off.
    const startedAt = performance.now()
    reply.raw.once('close', () => closed(request, reply.raw, performance.now() - startedAt))
    next()
  })
  app.setErrorHandler((err, request, reply) => fail(context, err, request, reply))

  /** Called once nothing more can be sent: the answer is whole, or broken off. */
  function closed(request: FastifyRequest, response: ServerResponse, ms: number): void {
    const broken = request.broken?.status ?? CLIENT_GONE_STATUS
    // A job's request has no socket, so that nothing is ever flushed to one.
    const whole = request.job === undefined ? response.writableFinished : response.writableEnded
    const status = whole ? response.statusCode : broken
    metrics.answered(request.method, request.routeOptions.url, status)
    // Node would keep the connection for a next request, and the gateway would wait for its end.
    if (draining() && request.job === undefined) request.raw.socket.destroySoon()
    components.logger.debug('request answered', {
      request: request.id,
      method: request.method,
      route: request.routeOptions.url,
      status,
      ms: Math.round(ms),
      ...(request.caller === undefined ? {} : { key: request.caller.name }),
      ...(request.traceparent === undefined ? {} : { traceparent: request.traceparent })
    })
  }
}

/** Answers a request with what went wrong, in its surface's own words. */
export function fail(
  { components }: GatewayContext,
  err: unknown,
  request: FastifyRequest,
  reply: FastifyReply
): void {
  const failure = asSent(toFailure(err), request.body)
  const fields = { request: request.id, code: failure.code, status: failure.status }
  if (failure.code === 'internal') {
    components.logger.error('request failed', {
      ...fields,
      error: err instanceof Error ? err.stack : String(err)
    })
  } else components.logger.info('request failed', fields)
  const surface = surfaceOf(request.url, request.headers)
  void reply
    .code(failure.status)
    .headers({ 'x-request-id': request.id, ...surface.headers?.(request.id), ...failure.headers })
    .send(surface.errorDocument(failure, request.id))
}

/** The failure, naming the parameter as the client does. */
function asSent(failure: Failure, body: unknown): Failure {
  return failure.param === null ? failure : { ...failure, param: paramAsSent(failure.param, body) }
}
