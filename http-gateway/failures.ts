import { JobStoreFullError } from '../node/jobs/index.ts'
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

/** A code of the gateway's own, with its line in the reference. */
interface OwnKind extends Kind {
  when: string
}

const NOT_AUTHENTICATED: Kind = { status: 401, type: 'authentication_error' }

/** The gateway's own codes. */
const OWN_KINDS = {
  host_missing: { ...INVALID, when: 'The request has no Host header' },
  invalid_json: { ...INVALID, when: 'The body is empty or not valid JSON' },
  invalid_api_key: { ...NOT_AUTHENTICATED, when: 'The API key is missing or wrong' },
  spending_limit_reached: {
    status: 402,
    type: 'insufficient_quota',
    when: 'The API key has spent its credits for today'
  },
  host_not_allowed: { ...REFUSED, when: "The Host header is not one of the gateway's names" },
  model_not_allowed: { ...REFUSED, when: 'The API key may not ask this model' },
  origin_not_allowed: { ...REFUSED, when: 'The web page or extension may not call the gateway' },
  owner_required: { ...REFUSED, when: 'Only the owner of this home may call the route' },
  command_failed: { ...INVALID, when: 'A command of the dashboard failed' },
  route_not_found: { status: 404, type: 'invalid_request_error', when: 'There is no such route' },
  not_found: {
    status: 404,
    type: 'invalid_request_error',
    when: 'There is no such file or batch'
  },
  method_not_allowed: {
    status: 405,
    type: 'invalid_request_error',
    when: 'The route exists for other methods only'
  },
  request_timeout: {
    status: 408,
    type: 'invalid_request_error',
    when: 'The request did not arrive in time'
  },
  conflict: {
    status: 409,
    type: 'invalid_request_error',
    when: 'The state of the object does not allow the request'
  },
  request_too_large: {
    status: 413,
    type: 'invalid_request_error',
    when: 'The body is larger than the limit'
  },
  unsupported_media_type: {
    status: 415,
    type: 'invalid_request_error',
    when: "The route does not read the body's content type or encoding"
  },
  rate_limit_exceeded: {
    status: 429,
    type: 'rate_limit_error',
    when: 'The API key has used up its requests for this minute'
  },
  too_many_batches: {
    status: 429,
    type: 'rate_limit_error',
    when: 'The API key has too many batches that have not ended'
  },
  headers_too_large: {
    status: 431,
    type: 'invalid_request_error',
    when: 'The headers are larger than 16 KiB'
  },
  storage_off: {
    status: 501,
    type: 'invalid_request_error',
    when: 'The gateway keeps no files and batches'
  },
  storage_full: {
    status: 507,
    type: 'insufficient_quota',
    when: 'The storage for files and batches is full'
  }
} satisfies Record<string, OwnKind>

/** A code that is the gateway's own. */
export type OwnCode = keyof typeof OWN_KINDS

/**
 * The HTTP status of each code: those of `protocols/README.md` and the gateway's own. Clients resend on 408, 409, 429
 * and 5xx, some for minutes, so only conditions that may clear by themselves get one of those.
 */
const KINDS: ReadonlyMap<string, Kind & Partial<OwnKind>> = new Map<string, Kind>([
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
  ['paused', UNAVAILABLE],
  ['peer_lost', UNAVAILABLE],
  ['receipt_refused', UNAVAILABLE],
  ['receipt_unacknowledged', UNAVAILABLE],
  ['shutting_down', UNAVAILABLE],
  ['deadline', { status: 504, type: 'server_error' }],
  ...Object.entries(OWN_KINDS)
])

/** Statuses after which sending the same request again may help. */
const RETRY_STATUSES = new Set([408, 429, 503, 504])

/** A code that clients may see, as the reference lists it. `when` is set for the gateway's own codes only. */
export interface ErrorCode {
  code: string
  status: number
  type: string
  /** Whether sending the same request again may help. */
  retry: boolean
  when?: string
}

/** Every code that the gateway may answer. */
export function errorCodes(): ErrorCode[] {
  return Array.from(KINDS, ([code, { status, type, when }]) => ({
    code,
    status,
    type,
    retry: RETRY_STATUSES.has(status),
    ...(when === undefined ? {} : { when })
  }))
}

const DEFAULT_RETRY_AFTER_MS = 1_000

/** Anything thrown, as what a client is told. Details of unexpected errors stay in the log. */
export function toFailure(err: unknown): Failure {
  if (err instanceof RefusedError) return failure(err.code, err.message, null, err.headers)
  if (err instanceof LobstahError) return fromLobstahError(err)
  if (err instanceof JobStoreFullError) return failure('storage_full', err.message)
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
  const { status, type } = kindOf(code)
  const pointless: Record<string, string> = RETRY_STATUSES.has(status) ? {} : { 'x-should-retry': 'false' }
  return { status, type, code, message, param, headers: { ...headers, ...pointless } }
}

function kindOf(code: string): Kind {
  return KINDS.get(code) ?? UNAVAILABLE
}
