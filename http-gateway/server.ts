import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  fastify,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions
} from 'fastify'
import { ShuttingDownError } from '../protocols/errors.ts'
import { AccessPolicy } from './access.ts'
import { ClientErrors } from './client-errors.ts'
import {
  CLIENT_GONE_STATUS,
  CONNECTIONS_CHECKING_INTERVAL_MS,
  MAX_HEADER_SIZE,
  MAX_PARAM_LENGTH
} from './constants.ts'
import type { GatewayContext } from './context.ts'
import { dashboard } from './dashboard/dashboard.ts'
import { MethodNotAllowedError, RouteNotFoundError, toFailure, type Failure } from './errors.ts'
import { messages } from './anthropic/messages.ts'
import { errorDocument } from './error-formats.ts'
import { embed } from './ollama/embed.ts'
import { generate } from './ollama/generate.ts'
import { ollamaModels } from './ollama/models.ts'
import { chatCompletions } from './openai/chat-completions.ts'
import { completions } from './openai/completions.ts'
import { embeddings } from './openai/embeddings.ts'
import { models } from './openai/models.ts'
import { responses } from './openai/responses.ts'
import type { RouteTable } from './route-table.ts'
import type { TlsFiles } from './tls.ts'
import { traceparentOf } from './trace.ts'
import { metrics } from './metrics/metrics.ts'
import { openapi } from './openapi/openapi.ts'
import { nodeStatus } from './status/node-status.ts'
import { receipts } from './status/receipts.ts'
import { cutUnread } from './unread-documents.ts'
import { refuseVast } from './vast-bodies.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answers without an API key: nothing but what is the same on every node. */
    public?: boolean
  }
  interface FastifyRequest {
    /** What its answer broke off by, after the 200. */
    broken: Failure | undefined
  }
}

/** Each answers one set of routes; a new surface is added here. */
const SURFACES = [
  chatCompletions,
  responses,
  completions,
  embeddings,
  models,
  messages,
  dashboard,
  openapi,
  nodeStatus,
  receipts,
  metrics,
  generate,
  embed,
  ollamaModels
]

/** The server with its limits, policy and routes, not yet listening. `draining` refuses new requests. */
export function createServer(
  context: GatewayContext,
  draining: () => boolean,
  tls?: TlsFiles
): FastifyInstance {
  const { settings, components, keys, routes } = context
  const policy = new AccessPolicy(settings)
  const clientErrors = new ClientErrors()
  const http = {
    maxHeaderSize: MAX_HEADER_SIZE,
    headersTimeout: settings.headersTimeoutMs,
    connectionsCheckingInterval: Math.min(CONNECTIONS_CHECKING_INTERVAL_MS, settings.headersTimeoutMs),
    // Node would answer with an empty body: the access policy refuses a missing Host itself.
    requireHostHeader: false
  }
  const options: FastifyServerOptions = {
    bodyLimit: settings.bodyLimit,
    requestTimeout: settings.requestTimeoutMs,
    trustProxy: false,
    return503OnClosing: false,
    ...(tls === undefined ? { http } : { https: { ...http, ...tls } }),
    routerOptions: {
      maxParamLength: MAX_PARAM_LENGTH,
      ignoreTrailingSlash: true,
      // A base URL that ends in a slash, put before a path that begins with one.
      ignoreDuplicateSlashes: true
    },
    requestIdHeader: false,
    genReqId: requestId,
    clientErrorHandler: clientErrors.answer,
    frameworkErrors: (err, request, reply) => fail(err, request, reply)
  }
  const app = fastify(options)
  // RFC 9110 allows to ignore expectations; Node would refuse unknown ones with an empty body.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  app.removeContentTypeParser('text/plain')
  // A tool's schema may hold any key; zod copies only what it knows.
  const parseJson = app.getDefaultJsonParser('remove', 'ignore')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    try {
      refuseVast(body)
    } catch (err) {
      done(err as Error)
      return
    }
    void parseJson(request, body, done)
  })

  app.addHook('onRoute', (route) => routes.add(route.url, route.method))
  app.decorateRequest('broken', undefined)
  app.decorateRequest('caller', undefined)
  app.decorateRequest('traceparent', undefined)
  app.addHook('onRequest', async (request, reply) => {
    clientErrors.watch(request.raw.socket, reply.raw)
    // Fastify's onResponse tells of answers that came to their end only.
    const startedAt = performance.now()
    reply.raw.once('close', () => closed(request, reply.raw, performance.now() - startedAt))
    reply.header('x-request-id', request.id)
    request.traceparent = traceparentOf(request.raw)
    if (policy.admit(request, reply)) return reply
    if (request.routeOptions.config.public !== true) request.caller = await keys.identify(request)
    if (draining()) throw new ShuttingDownError()
    if (request.is404) throw notFound(routes, request)
    return undefined
  })
  app.addHook('onSend', (_request, reply, payload, done) => {
    done(null, cutUnread(reply, payload, settings.stalledReaderMs))
  })
  app.setErrorHandler(fail)
  for (const surface of SURFACES) app.register(surface, context)
  return app

  /** Counts and logs an answer when there is no more to be said: it is whole, or broken off. */
  function closed(request: FastifyRequest, response: ServerResponse, ms: number): void {
    const broken = request.broken?.status ?? CLIENT_GONE_STATUS
    const status = response.writableFinished ? response.statusCode : broken
    context.metrics.answered(request.method, request.routeOptions.url, status)
    // Node would keep the connection for a next request, and the gateway waiting for its end.
    if (draining()) request.raw.socket.destroySoon()
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
      .send(errorDocument(request.url, failure, request.id))
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
