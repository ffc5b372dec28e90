import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { ShuttingDownError } from '../protocols/errors.ts'
import { AccessPolicy } from './access.ts'
import { ClientErrors } from './client-errors.ts'
import { CONNECTIONS_CHECKING_INTERVAL_MS, MAX_HEADER_SIZE, MAX_PARAM_LENGTH } from './constants.ts'
import type { GatewayContext } from './context.ts'
import { MethodNotAllowedError, RouteNotFoundError, toEnvelope, toFailure } from './errors.ts'
import { chatCompletions } from './openai/chat-completions.ts'
import { models } from './openai/models.ts'
import { RouteTable } from './route-table.ts'
import { nodeStatus } from './status/node-status.ts'
import { receipts } from './status/receipts.ts'

/** Each answers one set of routes; a new surface is added here. */
const SURFACES = [chatCompletions, models, nodeStatus, receipts]

/** The server with its limits, policy and routes, not yet listening. `draining` refuses new requests. */
export function createServer(context: GatewayContext, draining: () => boolean): FastifyInstance {
  const { settings, components } = context
  const policy = new AccessPolicy(settings)
  const routes = new RouteTable()
  const clientErrors = new ClientErrors()
  const app = fastify({
    bodyLimit: settings.bodyLimit,
    requestTimeout: settings.requestTimeoutMs,
    trustProxy: false,
    // A tool's schema may hold any key; zod copies only what it knows.
    onProtoPoisoning: 'remove',
    onConstructorPoisoning: 'ignore',
    return503OnClosing: false,
    http: {
      maxHeaderSize: MAX_HEADER_SIZE,
      headersTimeout: settings.headersTimeoutMs,
      connectionsCheckingInterval: Math.min(CONNECTIONS_CHECKING_INTERVAL_MS, settings.headersTimeoutMs),
      // Node would answer with an empty body: the access policy refuses a missing Host itself.
      requireHostHeader: false
    },
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, ignoreTrailingSlash: true },
    requestIdHeader: false,
    genReqId: requestId,
    clientErrorHandler: clientErrors.answer,
    frameworkErrors: (err, request, reply) => fail(err, request, reply)
  })
  // RFC 9110 allows to ignore expectations; Node would refuse unknown ones with an empty body.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  app.removeContentTypeParser('text/plain')

  app.addHook('onRoute', (route) => routes.add(route.url, route.method))
  app.addHook('onRequest', (request, reply, done) => {
    clientErrors.watch(request.raw.socket, reply.raw)
    reply.header('x-request-id', request.id)
    if (policy.admit(request, reply)) return
    if (draining()) throw new ShuttingDownError()
    if (request.is404) throw notFound(routes, request)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    // Node would keep the connection for a next request, and the gateway waiting for its end.
    if (draining()) request.raw.socket.destroySoon()
    components.logger.debug('request answered', {
      request: request.id,
      method: request.method,
      route: request.routeOptions.url,
      status: reply.raw.statusCode,
      ms: Math.round(reply.elapsedTime)
    })
    done()
  })
  app.setErrorHandler(fail)
  for (const surface of SURFACES) app.register(surface, context)
  return app

  function fail(err: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const failure = toFailure(err)
    const fields = { request: request.id, code: failure.code, status: failure.status }
    if (failure.code === 'internal') {
      components.logger.error('request failed', {
        ...fields,
        error: err instanceof Error ? err.stack : String(err)
      })
    } else components.logger.info('request failed', fields)
    void reply
      .code(failure.status)
      .headers({ 'x-request-id': request.id, ...failure.headers })
      .send(toEnvelope(failure))
  }
}

function notFound(routes: RouteTable, request: FastifyRequest): Error {
  const methods = routes.methods(request.url)
  return methods.length === 0 ? new RouteNotFoundError() : new MethodNotAllowedError(methods)
}

/** The caller's own id where it is one that can go into a log. */
function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : `req_${randomUUID()}`
}
