import { LobstahError, toLobstahError } from '../protocols/errors.ts'
import { RefusedError } from './errors.ts'
import { foreignFailure } from './foreign-errors.ts'

/** A failure as a client is told of it: what every surface's error format is made from. */
export interface Failure {
  status: number
  /** OpenAI's class of error. */
  type: string
  code: string
  message: string
  param: string | null
  headers: Record<string, string>
}

/** OpenAI's error document; all four keys are always there. */
export interface ErrorEnvelope {
  error: { message: string; type: string; param: string | null; code: string }
}

interface Kind {
  status: number
  type: string
}

const INVALID: Kind = { status: 400, type: 'invalid_request_error' }
const REFUSED: Kind = { status: 403, type: 'permission_error' }
const UNAVAILABLE: Kind = { status: 503, type: 'server_error' }

/** What the gateway's own codes are. */
const OWN_KINDS = {
  host_missing: INVALID,
  invalid_json: INVALID,
  invalid_api_key: { status: 401, type: 'authentication_error' },
  spending_limit_reached: { status: 402, type: 'insufficient_quota' },
  host_not_allowed: REFUSED,
  model_not_allowed: REFUSED,
  origin_not_allowed: REFUSED,
  owner_required: REFUSED,
  route_not_found: { status: 404, type: 'invalid_request_error' },
  method_not_allowed: { status: 405, type: 'invalid_request_error' },
  request_timeout: { status: 408, type: 'invalid_request_error' },
  request_too_large: { status: 413, type: 'invalid_request_error' },
  unsupported_media_type: { status: 415, type: 'invalid_request_error' },
  rate_limit_exceeded: { status: 429, type: 'rate_limit_error' },
  headers_too_large: { status: 431, type: 'invalid_request_error' }
} satisfies Record<string, Kind>

/** A code that is the gateway's own. */
export type OwnCode = keyof typeof OWN_KINDS

/**
 * What each code is over HTTP: those of `protocols/README.md`, and the gateway's own. Clients resend on 408, 409, 429 and 5xx, some for
 * minutes: those are for what may change by itself.
 */
const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['bad_request', INVALID],
  ['unsupported_parameter', INVALID],
  ['context_length_exceeded', INVALID],
  ['credit_exhausted', { status: 402, type: 'insufficient_quota' }],
  ['price_too_high', { status: 402, type: 'insufficient_quota' }],
  ['not_allowed', REFUSED],
  ['model_not_found', { status: 404, type: 'invalid_request_error' }],
  ['busy', { status: 429, type: 'rate_limit_error' }],
  ['internal', { status: 500, type: 'server_error' }],
  ['ledger_failed', { status: 500, type: 'server_error' }],
  ['cancelled', UNAVAILABLE],
  ['engine_failed', UNAVAILABLE],
  ['invalid_frame', UNAVAILABLE],
  ['no_provider', UNAVAILABLE],
  ['order_refused', UNAVAILABLE],
  ['peer_lost', UNAVAILABLE],
  ['receipt_refused', UNAVAILABLE],
  ['receipt_unacknowledged', UNAVAILABLE],
  ['shutting_down', UNAVAILABLE],
  ['deadline', { status: 504, type: 'server_error' }],
  ...Object.entries(OWN_KINDS)
])

/** Statuses after which sending the same request again may help. */
const RETRY_STATUSES = new Set([408, 429, 503, 504])

const DEFAULT_RETRY_AFTER_MS = 1_000

/** Anything thrown, as what a client is told. Details of unexpected errors stay in the log. */
export function toFailure(err: unknown): Failure {
  if (err instanceof RefusedError) return failure(err.code, err.message, null, err.headers)
  if (err instanceof LobstahError) return fromLobstahError(err)
  const foreign = foreignFailure(err)
  if (foreign !== undefined) return failure(foreign.code, foreign.message)
  return fromLobstahError(toLobstahError(err))
}

/** The failure as OpenAI's clients read it. */
export function toEnvelope({ message, type, param, code }: Failure): ErrorEnvelope {
  return { error: { message, type, param, code } }
}

function fromLobstahError(err: LobstahError): Failure {
  const { status } = kindOf(err.code)
  const headers: Record<string, string> = {}
  if (status === 429 || status === 503) {
    headers['retry-after'] = String(Math.ceil((err.retryAfterMs ?? DEFAULT_RETRY_AFTER_MS) / 1000))
  }
  return failure(err.code, err.message, err.param ?? null, headers)
}

function failure(
  code: string,
  message: string,
  param: string | null = null,
  headers: Record<string, string> = {}
): Failure {
  const kind = kindOf(code)
  const pointless: Record<string, string> = RETRY_STATUSES.has(kind.status)
    ? {}
    : { 'x-should-retry': 'false' }
  return { ...kind, code, message, param, headers: { ...headers, ...pointless } }
}

function kindOf(code: string): Kind {
  return KINDS.get(code) ?? UNAVAILABLE
}
