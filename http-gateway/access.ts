import { isIP, isIPv4 } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { PREFLIGHT_MAX_AGE_S } from './constants.ts'
import { HostMissingError, HostNotAllowedError, OriginNotAllowedError } from './errors.ts'

export interface AccessPolicyInit {
  /** The address that the gateway listens on. */
  host: string
  allowedHosts: string[]
  allowedOrigins: string[]
}

/** The schemes of desktop applications and editors' panels; no web page has such an origin. */
const APPLICATION_SCHEMES = new Set(['app:', 'tauri:', 'vscode-webview:'])

/** Listening on these means listening on every address of the machine. */
const WILDCARDS = new Set(['0.0.0.0', '::', '0:0:0:0:0:0:0:0'])

/** A Host header: a name, an IPv4 address or an IPv6 address in brackets, and perhaps a port. */
const HOST = /^(\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/i

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
 * Decides who may call. A gateway on loopback needs no key, so it must refuse web pages that reach it by another
 * name for 127.0.0.1 (DNS rebinding) or across origins. CORS headers alone would not keep a page from having a
 * request executed.
 */
export class AccessPolicy {
  readonly #hosts: Set<string>
  readonly #origins: Set<string>
  /** Whether the gateway listens on every address of the machine. */
  readonly #wildcard: boolean

  constructor({ host, allowedHosts, allowedOrigins }: AccessPolicyInit) {
    this.#wildcard = WILDCARDS.has(host)
    this.#hosts = new Set([host, ...allowedHosts].map((name) => bracketed(name.toLowerCase())))
    this.#origins = new Set(allowedOrigins.map((origin) => origin.toLowerCase().replace(/\/+$/, '')))
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
    // Node takes the first of several, and a proxy before it may have taken another.
    const { rawHeaders } = request.raw
    const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host')
    if (hosts.length > 1) throw new HostNotAllowedError('several hosts')
    // A request line may name a host too: `GET http://host/path`, as to a proxy.
    const named = /^[a-z]+:\/\/([^/?#]*)/i.exec(request.originalUrl)?.[1]
    for (const name of new Set([host, named ?? host])) {
      if (!this.#allowsHost(name)) throw new HostNotAllowedError(name)
    }
  }

  #allowsHost(host: string): boolean {
    const name = HOST.exec(host)?.[1]?.toLowerCase().replace(/\.$/, '')
    if (name === undefined) return false
    return isLoopback(name) || this.#hosts.has(name) || (this.#wildcard && isOwn(name))
  }

  /** The origin to be named in CORS headers; undefined where no web page is behind the request. */
  #checkOrigin(request: FastifyRequest): string | undefined {
    const { origin } = request.headers
    if (origin === undefined) {
      // Browsers leave Origin out of some requests across sites. Sec-Fetch-Mode says nothing: Node sends it.
      const site = request.headers['sec-fetch-site']
      if ((site === 'cross-site' || site === 'same-site') && !opensPage(request))
        throw new OriginNotAllowedError('another site')
      return undefined
    }
    if (!this.#allowsOrigin(origin)) throw new OriginNotAllowedError(origin)
    return origin
  }

  #allowsOrigin(origin: string): boolean {
    // Sandboxed frames and local files, whoever wrote them: no setting can tell one from another.
    if (origin === 'null') return false
    if (this.#origins.has(origin.toLowerCase())) return true
    const url = URL.parse(origin)
    if (url === null) return false
    const isWeb = url.protocol === 'http:' || url.protocol === 'https:'
    if (!isWeb && this.#origins.has(`${url.protocol}//*`)) return true
    if (APPLICATION_SCHEMES.has(url.protocol)) return true
    return isWeb && isLoopback(url.hostname)
  }
}

/** Whether somebody follows a link to the dashboard: its page is the same on every node, and no frame shows it. */
function opensPage({ method, url, headers }: FastifyRequest): boolean {
  return (
    method === 'GET' &&
    url === '/' &&
    headers['sec-fetch-mode'] === 'navigate' &&
    headers['sec-fetch-dest'] === 'document'
  )
}

function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host
}

/** Whether a name or address is this machine's own. Read anew each time: laptops change networks. */
function isOwn(name: string): boolean {
  const own = hostname().toLowerCase()
  if (name === own || name === `${own}.local` || name === own.replace(/\..*/, '')) return true
  return Object.values(networkInterfaces()).some((addresses = []) =>
    addresses.some(({ address }) => bracketed(address.toLowerCase()) === name)
  )
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
  reply.header('access-control-allow-methods', 'GET, HEAD, POST, PATCH, DELETE')
  reply.header('access-control-max-age', PREFLIGHT_MAX_AGE_S)
  void reply.code(204).send()
}
