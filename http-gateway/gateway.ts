import type { AddressInfo } from 'node:net'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { Registry } from 'prom-client'
import { ShuttingDownError } from '../protocols/errors.ts'
import { isLoopback } from './access.ts'
import { OwnRequests } from './activity/own-requests.ts'
import { Calls } from './answer/calls.ts'
import {
  CUT_GRACE_MS,
  DEFAULT_BODY_LIMIT,
  DEFAULT_DRAIN_MS,
  DEFAULT_FIRST_BYTE_MS,
  DEFAULT_HEADERS_TIMEOUT_MS,
  DEFAULT_HOST,
  DEFAULT_KEEP_ALIVE_MS,
  DEFAULT_PORT,
  DEFAULT_REQUEST_TIMEOUT_MS,
  DEFAULT_STALLED_READER_MS
} from './constants.ts'
import { GatewayApiKeyRequiredError, GatewayListenError, GatewayNotStartedError } from './errors.ts'
import type { GatewaySettings } from './context.ts'
import { StateReader } from './dashboard/state.ts'
import { Subscribers } from './dashboard/subscribers.ts'
import { PdfReader } from './documents/index.ts'
import type { Gateway, GatewayComponents, GatewayInit } from './types.ts'
import { Keys } from './keys/index.ts'
import { GatewayMetrics } from './metrics/gateway-metrics.ts'
import { Jobs } from './jobs/jobs.ts'
import { DEFAULT_JOB_LIMITS } from './jobs/limits.ts'
import { RecentItems } from './openai/recent-items.ts'
import { RouteTable } from './route-table.ts'
import { createServer } from './server.ts'
import { allRoutes } from './surfaces.ts'
import { readTlsFiles, type TlsFiles } from './tls.ts'

/** See {@link Gateway}. */
export class HttpGateway implements Gateway {
  readonly #settings: GatewaySettings
  readonly #components: GatewayComponents
  readonly #calls = new Calls()
  readonly #pdfs: Pick<PdfReader, 'read'>
  readonly #keys: Keys
  readonly #metrics: GatewayMetrics
  readonly #recentItems = new RecentItems()
  readonly #ownRequests: OwnRequests
  readonly #subscribers: Subscribers
  readonly #jobs: Jobs | undefined
  #tls: TlsFiles | undefined
  #server: FastifyInstance | undefined
  #draining = false

  constructor(init: GatewayInit, components: GatewayComponents) {
    this.#components = components
    this.#pdfs = components.pdfs ?? new PdfReader()
    this.#settings = {
      ...init,
      host: init.host ?? DEFAULT_HOST,
      port: init.port ?? DEFAULT_PORT,
      allowedHosts: init.allowedHosts ?? [],
      allowedOrigins: init.allowedOrigins ?? [],
      apiKeys: init.apiKeys ?? [],
      keepAliveMs: init.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS,
      firstByteMs: init.firstByteMs ?? DEFAULT_FIRST_BYTE_MS,
      drainMs: init.drainMs ?? DEFAULT_DRAIN_MS,
      stalledReaderMs: init.stalledReaderMs ?? DEFAULT_STALLED_READER_MS,
      bodyLimit: init.bodyLimit ?? DEFAULT_BODY_LIMIT,
      headersTimeoutMs: init.headersTimeoutMs ?? DEFAULT_HEADERS_TIMEOUT_MS,
      requestTimeoutMs: init.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
      jobLimits: { ...DEFAULT_JOB_LIMITS, ...init.jobLimits }
    }
    const { host, apiKeys, token } = this.#settings
    this.#metrics = new GatewayMetrics(components.registry ?? new Registry())
    this.#ownRequests = new OwnRequests(components.history)
    const state = new StateReader({ components, ownRequests: this.#ownRequests })
    this.#subscribers = new Subscribers({
      read: () => state.read(),
      onError: (err) => components.logger.warn('the dashboard cannot be told', { error: String(err) }),
      stalledReaderMs: this.#settings.stalledReaderMs
    })
    this.#keys = new Keys({
      apiKeys,
      token,
      files: { keys: init.keysFile, spending: init.spendingFile },
      open: isLoopback(host),
      onError: (err) => components.logger.error('API keys', { error: String(err) })
    })
    this.#jobs =
      components.jobs &&
      new Jobs(
        { limits: this.#settings.jobLimits },
        { ...components, store: components.jobs, keys: this.#keys, inject: (request) => this.inject(request) }
      )
  }

  get url(): string {
    const address = this.#server?.server.address()
    if (address == null || typeof address === 'string') throw new GatewayNotStartedError()
    return toUrl(address, this.#tls === undefined ? 'http' : 'https')
  }

  async start(): Promise<void> {
    const { host, port, certFile, keyFile } = this.#settings
    if (this.#server?.server.listening === true) return
    await this.#keys.load()
    if (!isLoopback(host) && !this.#keys.required) throw new GatewayApiKeyRequiredError(host)
    this.#tls = await readTlsFiles(certFile, keyFile)
    const server = this.#open()
    try {
      await this.#jobs?.open()
      // Fastify would take localhost for two servers, of which only one is seen to here.
      await server.listen({ host: host === 'localhost' ? DEFAULT_HOST : host, port })
    } catch (err) {
      this.#server = undefined
      await server.close()
      await this.#jobs?.stop()
      throw isCoded(err) ? new GatewayListenError(host, port, err) : err
    }
    await this.#jobs?.start()
    this.#components.logger.info('gateway listens', { url: this.url })
  }

  async stop(): Promise<void> {
    const app = this.#server
    if (app === undefined) return
    this.#draining = true
    this.#subscribers.close()
    const cut = setTimeout(() => this.#calls.abort(new ShuttingDownError()), this.#settings.drainMs)
    const destroy = setTimeout(() => app.server.closeAllConnections(), this.#settings.drainMs + CUT_GRACE_MS)
    try {
      await this.#jobs?.halt()
      await app.close()
      await this.#jobs?.stop()
      await this.#keys.flushed()
    } finally {
      clearTimeout(cut)
      clearTimeout(destroy)
      this.#server = undefined
      this.#draining = false
    }
  }

  async inject(request: InjectOptions): Promise<LightMyRequestResponse> {
    return this.#open().inject(request)
  }

  /** A closed server cannot listen again, so that each start has one of its own. */
  #open(): FastifyInstance {
    this.#server ??= createServer(
      {
        components: this.#components,
        settings: this.#settings,
        calls: this.#calls,
        keys: this.#keys,
        metrics: this.#metrics,
        pdfs: this.#pdfs,
        recentItems: this.#recentItems,
        ownRequests: this.#ownRequests,
        subscribers: this.#subscribers,
        jobs: this.#jobs,
        routes: new RouteTable(allRoutes())
      },
      () => this.#draining,
      this.#tls
    )
    return this.#server
  }
}

function toUrl({ address, family, port }: AddressInfo, scheme: string): string {
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

function isCoded(err: unknown): err is Error & { code: string } {
  return err instanceof Error && 'code' in err && typeof err.code === 'string'
}
