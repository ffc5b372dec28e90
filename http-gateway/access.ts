import { isIPv4 } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { PREFLIGHT_MAX_AGE_S } from './constants.ts'
import { HostMissingError, HostNotAllowedError, OriginNotAllowedError } from './errors.ts'

export interface AccessPolicyInit {
  /** The address that the gateway listens on. */
  host: string
  allowedHosts: string[]
  allowedOrigins: string[]
}

/** Where desktop applications and editors' panels come from; no web page has such an origin. */
const APPLICATION_SCHEMES = new Set(['app:', 'tauri:', 'vscode-webview:'])

/** Headers of ours that a web page may read. */
const EXPOSED_HEADERS =
  'x-request-id, x-lobstah-peer, x-lobstah-route, x-lobstah-receipt, retry-after, x-should-retry'

/** Whether only programs on this machine can reach an address or host name. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase()
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::1' ||
    name === '[::1]' ||
    (isIPv4(name) && name.startsWith('127.'))
  )
}

/**
 * Who may call: a gateway on loopback needs no key, so it must make sure that it is not a web page that calls,
 * by another name for 127.0.0.1 (DNS rebinding) or across origins. CORS headers alone would not keep a page
 * from having a request executed.
 */
export class AccessPolicy {
  readonly #hosts: Set<string>
  readonly #origins: Set<string>

  constructor({ host, allowedHosts, allowedOrigins }: AccessPolicyInit) {
    const ownName = host.includes(':') ? `[${host}]` : host
    this.#hosts = new Set([ownName, ...allowedHosts].map((name) => name.toLowerCase()))
    this.#origins = new Set(allowedOrigins.map((origin) => origin.toLowerCase()))
  }

  /**
   * Throws where the request may not go on; sets CORS headers. Returns true when it was a preflight, which
   * has then been answered.
   */
  admit(request: FastifyRequest, reply: FastifyReply): boolean {
    this.#checkHost(request)
    const origin = this.#checkOrigin(request)
    if (origin !== undefined) {
      reply.header('access-control-allow-origin', origin)
      reply.header('access-control-expose-headers', EXPOSED_HEADERS)
    }
    reply.header('vary', 'Origin')
    if (isPreflight(request)) {
      answerPreflight(request, reply)
      return true
    }
    return false
  }

  #checkHost(request: FastifyRequest): void {
    const { host } = request.headers
    if (host === undefined) throw new HostMissingError()
    // A request line may name a host too: `GET http://host/path`, as to a proxy.
    const named = /^[a-z]+:\/\/([^/?#]*)/i.exec(request.originalUrl)?.[1]
    if (!this.#allowsHost(host) || !this.#allowsHost(named ?? host)) throw new HostNotAllowedError()
  }

  #allowsHost(host: string): boolean {
    const name = /^(\[[^\]]*\]|[^:]*)(?::\d{1,5})?$/.exec(host)?.[1]?.toLowerCase()
    return name !== undefined && (isLoopback(name) || this.#hosts.has(name))
  }

  /** The origin to be named in CORS headers; undefined where no web page is behind the request. */
  #checkOrigin(request: FastifyRequest): string | undefined {
    const { origin } = request.headers
    if (origin === undefined) {
      // Browsers leave Origin out of some requests across sites. Sec-Fetch-Mode says nothing: Node sends it.
      const site = request.headers['sec-fetch-site']
      if (site === 'cross-site' || site === 'same-site') throw new OriginNotAllowedError()
      return undefined
    }
    if (!this.#allowsOrigin(origin)) throw new OriginNotAllowedError()
    return origin
  }

  #allowsOrigin(origin: string): boolean {
    if (this.#origins.has(origin.toLowerCase())) return true
    const url = URL.parse(origin)
    if (url === null) return false
    if (APPLICATION_SCHEMES.has(url.protocol)) return true
    return (url.protocol === 'http:' || url.protocol === 'https:') && isLoopback(url.hostname)
  }
}

function isPreflight(request: FastifyRequest): boolean {
  return (
    request.method === 'OPTIONS' &&
    request.headers.origin !== undefined &&
    request.headers['access-control-request-method'] !== undefined
  )
}

function answerPreflight(request: FastifyRequest, reply: FastifyReply): void {
  // SDKs add headers of their own, so the ones asked for are allowed: the origin is what is trusted.
  const headers = request.headers['access-control-request-headers']
  if (headers !== undefined) reply.header('access-control-allow-headers', headers)
  reply.header('access-control-allow-methods', 'GET, HEAD, POST')
  reply.header('access-control-max-age', PREFLIGHT_MAX_AGE_S)
  void reply.code(204).send()
}
