import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import {
  fastify,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions
} from 'fastify'
import { ShuttingDownError } from '../protocols/errors.ts'
import { AccessPolicy } from './access.ts'
import { readBodies } from './bodies.ts'
import { ClientErrors } from './client-errors.ts'
import { CONNECTIONS_CHECKING_INTERVAL_MS, MAX_HEADER_SIZE, MAX_PARAM_LENGTH } from './constants.ts'
import type { GatewayContext } from './context.ts'
import { MethodNotAllowedError, RouteNotFoundError } from './errors.ts'
import { requireOwner } from './keys/keys.ts'
import { withModel } from './model-chain.ts'
import { adviceFor } from './nearest-routes.ts'
import { currentJob } from './jobs/running-job.ts'
import { parse, parseQuery } from './parse.ts'
import { pathOf } from './route-table.ts'
import { fail, tellOutcomes } from './request-log.ts'
import type { RegisteredRoute, RouteTable } from './route-table.ts'
import { SURFACES, surfaceOf } from './surfaces.ts'
import type { TlsFiles } from './tls.ts'
import { traceparentOf } from './trace.ts'
import { cutUnread } from './unread-documents.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answers without an API key. */
    public?: boolean
    /** Reads its body as JSON whatever content type it names. */
    anyContentType?: boolean
    /** Takes a form with a file, as a stream. */
    multipart?: boolean
  }
  interface FastifyRequest {
    /** Whether models' names that differ in case alone are different ones. */
    exactCase: boolean
  }
}

/** The server with its limits, policy and routes, not yet listening. `draining` refuses new requests. */
export function createServer(
  context: GatewayContext,
  draining: () => boolean,
  tls?: TlsFiles
): FastifyInstance {
  const clientErrors = new ClientErrors()
  const app = fastify(serverOptions(context, clientErrors, tls))
  // RFC 9110 allows a server to ignore expectations; Node would refuse unknown ones with an empty body.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  readBodies(app, context.settings.bodyLimit)
  tellOutcomes(app, context, draining)
  guard(app, context, clientErrors, draining)
  app.addHook('onSend', (_request, reply, payload, done) => {
    done(null, cutUnread(reply, payload, context.settings.stalledReaderMs))
  })
  for (const registered of context.routes.all()) addRoute(app, context, registered)
  return app
}

function serverOptions(
  context: GatewayContext,
  clientErrors: ClientErrors,
  tls: TlsFiles | undefined
): FastifyServerOptions {
  const { settings, routes } = context
  const http = {
    maxHeaderSize: MAX_HEADER_SIZE,
    headersTimeout: settings.headersTimeoutMs,
    connectionsCheckingInterval: Math.min(CONNECTIONS_CHECKING_INTERVAL_MS, settings.headersTimeoutMs),
    // Node would answer with an empty body: the access policy refuses a missing Host itself.
    requireHostHeader: false
  }
  return {
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
    rewriteUrl: ({ url = '/' }) => routes.resolve(url),
    frameworkErrors: (err, request, reply) => fail(context, err, request, reply)
  }
}

/** Before any route: who may call, and whether there is anything to call. */
function guard(
  app: FastifyInstance,
  { settings, keys, routes }: GatewayContext,
  clientErrors: ClientErrors,
  draining: () => boolean
): void {
  const policy = new AccessPolicy(settings)
  app.decorateRequest('caller', undefined)
  app.decorateRequest('traceparent', undefined)
  app.decorateRequest('exactCase', true)
  app.decorateRequest('job', undefined)
  app.addHook('onRequest', async (request, reply) => {
    clientErrors.watch(request.raw.socket, reply.raw)
    const surface = surfaceOf(request.url, request.headers)
    reply.headers({ 'x-request-id': request.id, ...surface.headers?.(request.id) })
    request.exactCase = surface.foldsCase !== true
    request.traceparent = traceparentOf(request.raw)
    request.job = currentJob.getStore()
    if (request.job === undefined) {
      if (policy.admit(request, reply)) return reply
      if (request.routeOptions.config.public !== true) request.caller = await keys.identify(request)
    } else request.caller = request.job.caller
    if (draining()) throw new ShuttingDownError()
    if (request.is404) throw notFound(routes, request)
    return undefined
  })
}

function addRoute(app: FastifyInstance, context: GatewayContext, { surface, route }: RegisteredRoute): void {
  app.route({
    method: route.method,
    url: route.path,
    ...(route.owner === true ? { onRequest: requireOwner } : {}),
    config: {
      public: route.public === true,
      anyContentType: SURFACES[surface].anyContentType === true,
      multipart: route.multipart === true
    },
    handler: (request: FastifyRequest, reply: FastifyReply) =>
      route.handle(context, {
        body:
          route.body === undefined || route.multipart === true
            ? undefined
            : parse(route.body, withModel(request.body)),
        query: route.query === undefined ? undefined : parseQuery(route.query, request.query),
        params: request.params as Record<string, string>,
        request,
        reply
      })
  })
}

function notFound(routes: RouteTable, request: FastifyRequest): Error {
  const methods = routes.methods(request.url)
  if (methods.length > 0) return new MethodNotAllowedError(methods)
  const path = pathOf(request.originalUrl)
  return new RouteNotFoundError(request.method, path, adviceFor(routes, path))
}

/** The caller's own id where it is one that can go into a log. */
function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : `req_${randomUUID()}`
}
