import type { OwnCode } from './failures.ts'

/** Longest text of a caller's that an error repeats, in characters. */
const MAX_SHOWN_LENGTH = 128

/** A request that the gateway itself refuses; what its code is over HTTP, `failures.ts` knows. */
export abstract class RefusedError extends Error {
  abstract readonly code: OwnCode
  /** Headers that the answer carries. */
  readonly headers: Record<string, string> = {}
}

/** There is no such route. */
export class RouteNotFoundError extends RefusedError {
  static override readonly name = 'RouteNotFoundError'
  override readonly name = 'RouteNotFoundError'
  readonly code = 'route_not_found'
  constructor(method: string, path: string, advice: string) {
    super(`There is no route ${shown(`${method} ${path}`)}: ${advice}`)
  }
}

/** No recent request has this id. */
export class NotExplainedError extends RefusedError {
  static override readonly name = 'NotExplainedError'
  override readonly name = 'NotExplainedError'
  readonly code = 'route_not_found'
  constructor(request: string) {
    super(`No recent request has the id ${shown(request)}: GET /explain lists the ones that are kept`)
  }
}

/** The route exists, for other methods. */
export class MethodNotAllowedError extends RefusedError {
  static override readonly name = 'MethodNotAllowedError'
  override readonly name = 'MethodNotAllowedError'
  readonly code = 'method_not_allowed'
  override readonly headers: Record<string, string>
  constructor(methods: string[]) {
    const allow = methods.join(', ')
    super(`This route does not answer this method: use ${allow}`)
    this.headers = { allow }
  }
}

/** An HTTP/1.1 request without a Host header. */
export class HostMissingError extends RefusedError {
  static override readonly name = 'HostMissingError'
  override readonly name = 'HostMissingError'
  readonly code = 'host_missing'
  constructor(message = 'The request has no Host header: send one, such as Host: 127.0.0.1:17475') {
    super(message)
  }
}

/** The request is addressed to a name that is not this gateway's: DNS rebinding, or a missing setting. */
export class HostNotAllowedError extends RefusedError {
  static override readonly name = 'HostNotAllowedError'
  override readonly name = 'HostNotAllowedError'
  readonly code = 'host_not_allowed'
  constructor(host: string) {
    super(
      `The request is addressed to ${shown(host)}, which is not this gateway's name: use 127.0.0.1, or add the name with --allowed-hosts`
    )
  }
}

/** The request comes from a web page that may not call. */
export class OriginNotAllowedError extends RefusedError {
  static override readonly name = 'OriginNotAllowedError'
  override readonly name = 'OriginNotAllowedError'
  readonly code = 'origin_not_allowed'
  constructor(origin: string) {
    super(
      `Web pages and extensions of ${shown(origin)} may not call this gateway: add the origin with --allowed-origins`
    )
  }
}

/** The request carries no API key, or not one of the configured ones. */
export class ApiKeyError extends RefusedError {
  static override readonly name = 'ApiKeyError'
  override readonly name = 'ApiKeyError'
  readonly code = 'invalid_api_key'
  override readonly headers: Record<string, string> = { 'www-authenticate': 'Bearer' }
  constructor(message = 'The API key is missing or wrong; send it as Authorization: Bearer <key>') {
    super(message)
  }
}

/** The body is in a form that the route does not read. */
export class UnsupportedBodyError extends RefusedError {
  static override readonly name = 'UnsupportedBodyError'
  override readonly name = 'UnsupportedBodyError'
  readonly code = 'unsupported_media_type'
  override readonly headers: Record<string, string>
  constructor(message: string, headers: Record<string, string> = {}) {
    super(message)
    this.headers = headers
  }
}

/** The body, decompressed, is larger than the limit. */
export class BodyTooLargeError extends RefusedError {
  static override readonly name = 'BodyTooLargeError'
  override readonly name = 'BodyTooLargeError'
  readonly code = 'request_too_large'
  constructor(limit: number) {
    super(`The decompressed body is larger than ${limit} bytes: send less`)
  }
}

/** The gateway cannot listen where it was told to. */
export class GatewayListenError extends Error {
  static override readonly name = 'GatewayListenError'
  override readonly name = 'GatewayListenError'
  constructor(host: string, port: number, cause: Error & { code: string }) {
    super(
      LISTEN_PROBLEMS[cause.code]?.(host, port) ?? `The gateway cannot listen on ${host}: ${cause.message}`,
      {
        cause
      }
    )
  }
}

const NO_ADDRESS = (host: string): string =>
  `${host} is no address of this machine: choose another for the gateway`

const LISTEN_PROBLEMS: Record<string, (host: string, port: number) => string> = {
  EADDRINUSE: (host, port) =>
    `Port ${port} on ${host} is in use, perhaps by another lobstah-node; stop that program or choose another port`,
  EACCES: (_, port) => `Port ${port} is not for this user to listen on: choose one from 1024 on`,
  EADDRNOTAVAIL: NO_ADDRESS,
  ENOTFOUND: NO_ADDRESS
}

/** The gateway refuses to start where others could use it without a key. */
export class GatewayApiKeyRequiredError extends Error {
  static override readonly name = 'GatewayApiKeyRequiredError'
  override readonly name = 'GatewayApiKeyRequiredError'
  constructor(host: string) {
    super(
      `${host} is not a loopback address: make an API key (lobstah-node keys add <name>), or listen on 127.0.0.1`
    )
  }
}

/** The gateway has no address before it is started. */
export class GatewayNotStartedError extends Error {
  static override readonly name = 'GatewayNotStartedError'
  override readonly name = 'GatewayNotStartedError'
  constructor(message = 'The gateway is not started') {
    super(message)
  }
}

/** A caller's own text, cut short. */
function shown(text: string): string {
  return JSON.stringify(text.slice(0, MAX_SHOWN_LENGTH))
}
