import { readFile } from 'node:fs/promises'
import { isIPv6, type Socket } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyRequest,
  type FastifyServerOptions
} from 'fastify'
import type { ServerOptions } from 'node:https'
import { createSecureContext } from 'node:tls'
import type { Logger, Startable } from '@libp2p/interface'
import { meshTagSchema } from '../../protocols/presence/presence.ts'
import { signedRecord, type SignedRecord } from '../../protocols/records/index.ts'
import { MAX_TRACKER_PEERS, MAX_TRACKER_REQUEST_BYTES } from '../../protocols/tracker/index.ts'
import { networkOf } from '../addresses/index.ts'
import {
  DEFAULT_TRACKER_HOST,
  DEFAULT_TRACKER_PORT,
  KEEP_ALIVE_MS,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_PER_HOST,
  MAX_COUNTED_HOSTS,
  READS_PER_MINUTE,
  REQUESTS_PER_SECOND,
  REQUEST_TIMEOUT_MS,
  WRITES_PER_MINUTE
} from './constants.ts'
import { TrackerRefusalError, TrackerStartError } from './errors.ts'
import { RateLimit } from './rate-limit.ts'
import { Registry, type Origin } from './registry.ts'

export interface TrackerInit {
  /** @default all addresses */
  host?: string
  /** 0 picks a free one. @default 17480 */
  port?: number
  /** PEM files; with both, the tracker speaks HTTPS. */
  certFile?: string
  keyFile?: string
  /** Whether a reverse proxy stands before it, whose `X-Forwarded-For` names the client. @default false */
  behindProxy?: boolean
}

export interface TrackerComponents {
  log: Logger
  /** Milliseconds since 1970. */
  now?: () => number
}

/** An HTTP tracker: `protocols/tracker/README.md`. Keeps everything in memory. */
export class Tracker implements Startable {
  readonly #init: TrackerInit
  readonly #log: Logger
  readonly #now: () => number
  readonly #registry: Registry
  readonly #writes = new RateLimit({
    requests: WRITES_PER_MINUTE,
    periodMs: 60_000,
    maxKeys: MAX_COUNTED_HOSTS
  })
  readonly #reads = new RateLimit({
    requests: READS_PER_MINUTE,
    periodMs: 60_000,
    maxKeys: MAX_COUNTED_HOSTS
  })
  readonly #all = new RateLimit({ requests: REQUESTS_PER_SECOND, periodMs: 1000, maxKeys: 1 })
  readonly #connections = new Map<string, number>()
  #app: FastifyInstance | undefined
  #sweeping: NodeJS.Timeout | undefined

  constructor(init: TrackerInit, { log, now = Date.now }: TrackerComponents) {
    this.#init = init
    this.#log = log
    this.#now = now
    this.#registry = new Registry({}, { now })
  }

  /** Where it listens; undefined while it does not. */
  get url(): string | undefined {
    const address = this.#app?.server.address()
    if (address == null || typeof address === 'string') return undefined
    const scheme = this.#init.certFile === undefined ? 'http' : 'https'
    return `${scheme}://${isIPv6(address.address) ? `[${address.address}]` : address.address}:${address.port}`
  }

  async start(): Promise<void> {
    if (this.#app !== undefined) return
    const { host = DEFAULT_TRACKER_HOST, port = DEFAULT_TRACKER_PORT } = this.#init
    const app = await this.#create()
    try {
      await app.listen({ host, port })
    } catch (err) {
      await app.close()
      throw new TrackerStartError(
        `The tracker cannot listen on ${host}:${port} (${String(err)}): name another place by --tracker-host and --tracker-port`,
        { cause: err }
      )
    }
    this.#app = app
    this.#sweeping = setInterval(() => this.#registry.sweep(), 30_000)
    this.#log('tracker listens on %s', this.url)
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeping)
    const app = this.#app
    this.#app = undefined
    app?.server.closeAllConnections()
    await app?.close()
  }

  async #create(): Promise<FastifyInstance> {
    const tls = await this.#tls()
    const options: FastifyServerOptions & { https?: ServerOptions } = {
      bodyLimit: MAX_TRACKER_REQUEST_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionTimeout: 2 * REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // The last hop alone: what came before it, the client may have written itself.
      trustProxy: this.#init.behindProxy === true ? (_, hop) => hop === 0 : false,
      ...(tls === undefined ? {} : { https: tls })
    }
    const app: FastifyInstance = fastify(options)
    app.server.headersTimeout = REQUEST_TIMEOUT_MS
    app.server.maxConnections = MAX_CONNECTIONS
    if (this.#init.behindProxy !== true) app.server.on('connection', this.#onConnection)
    app.addHook('onRequest', (request, _reply, done) => {
      const limit = request.method === 'GET' ? this.#reads : this.#writes
      const now = this.#now()
      const waitMs = limit.take(originOf(request).host, now) || this.#all.take('', now)
      if (waitMs > 0) throw new TrackerRefusalError('rate_limited', `Too many requests: wait ${waitMs} ms`)
      done()
    })
    app.setErrorHandler((err: FastifyError | Error, _request, reply) => {
      const refusal = refusalOf(err)
      if (refusal.code === 'internal_error') this.#log.error('a request failed - %e', err)
      void reply
        .code(refusal.status)
        .headers(refusal.status === 429 || refusal.status === 503 ? { 'retry-after': '60' } : {})
        .send({ error: { code: refusal.code, message: refusal.message } })
    })
    app.setNotFoundHandler(() => {
      throw new TrackerRefusalError(
        'not_found',
        'A tracker has POST /announce, POST /unannounce and GET /peers, nothing else'
      )
    })
    app.post('/announce', async (request) => ({
      ttlMs: await this.#registry.announce(recordOf(request.body), originOf(request))
    }))
    app.post('/unannounce', async (request) => {
      await this.#registry.withdraw(recordOf(request.body))
      return {}
    })
    app.get('/peers', (request, reply) => {
      const { mesh, limit } = queryOf(request)
      void reply.header('cache-control', 'no-store').send({ peers: this.#registry.list(mesh, limit) })
    })
    return app
  }

  async #tls(): Promise<{ cert: Buffer; key: Buffer } | undefined> {
    const { certFile, keyFile } = this.#init
    if (certFile === undefined && keyFile === undefined) return undefined
    if (certFile === undefined || keyFile === undefined)
      throw new TrackerStartError('HTTPS needs both --tracker-cert and --tracker-key')
    try {
      const files = { cert: await readFile(certFile), key: await readFile(keyFile) }
      createSecureContext(files)
      return files
    } catch (err) {
      throw new TrackerStartError(
        `The tracker's certificate or key cannot be used (${String(err)}): both must be PEM files that belong together`,
        {
          cause: err
        }
      )
    }
  }

  readonly #onConnection = (socket: Socket): void => {
    const host = networkOfIp(socket.remoteAddress).host
    const count = (this.#connections.get(host) ?? 0) + 1
    if (count > MAX_CONNECTIONS_PER_HOST) {
      socket.destroy()
      return
    }
    this.#connections.set(host, count)
    socket.once('close', () => {
      const left = (this.#connections.get(host) ?? 1) - 1
      if (left > 0) this.#connections.set(host, left)
      else this.#connections.delete(host)
    })
  }
}

function recordOf(body: unknown): SignedRecord {
  const parsed = signedRecord.safeParse(body)
  if (parsed.success) return parsed.data
  throw new TrackerRefusalError(
    'invalid_record',
    'The body must be a signed record: {"payload":"…","signature":"…"}'
  )
}

function queryOf({ query }: FastifyRequest): { mesh: string; limit: number } {
  const { mesh = 'public', limit = String(MAX_TRACKER_PEERS) } = query as Record<string, unknown>
  const tag = meshTagSchema.safeParse(mesh)
  if (!tag.success || typeof limit !== 'string' || !/^[1-9]\d{0,3}$/.test(limit))
    throw new TrackerRefusalError(
      'invalid_request',
      'mesh must be a tag of 32 hexadecimal letters, and limit a number'
    )
  return { mesh: tag.data, limit: Math.min(Number(limit), MAX_TRACKER_PEERS) }
}

function originOf({ ip }: FastifyRequest): Origin {
  return networkOfIp(ip)
}

function networkOfIp(ip: string | undefined): Origin {
  const [text = ''] = (ip ?? '').split('%')
  try {
    return networkOf(multiaddr(`/${isIPv6(text) ? 'ip6' : 'ip4'}/${text}`))
  } catch {
    return { host: text, subnet: text }
  }
}

function refusalOf(err: FastifyError | Error): TrackerRefusalError {
  if (err instanceof TrackerRefusalError) return err
  const { statusCode } = err as Partial<FastifyError>
  if (statusCode === 413)
    return new TrackerRefusalError('too_large', `A record has at most ${MAX_TRACKER_REQUEST_BYTES} bytes`)
  if (statusCode !== undefined && statusCode < 500)
    return new TrackerRefusalError('invalid_request', 'The body must be JSON: content-type application/json')
  return new TrackerRefusalError('internal_error', 'The tracker failed: try again')
}
