import type { Failure } from '../failures.ts'

/** Anthropic's classes of errors, by HTTP status. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [401, 'authentication_error'],
  [402, 'billing_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [504, 'timeout_error']
])

/** Anthropic's error document; its `code` and `param` are ours. Events of a stream name no request. */
export function toAnthropicError(
  { status, message, code, param }: Failure,
  requestId: string | null = null
): {
  type: 'error'
  error: { type: string; message: string; code: string; param: string | null }
  request_id: string | null
} {
  const type = TYPES.get(status) ?? (status < 500 ? 'invalid_request_error' : 'api_error')
  return { type: 'error', error: { type, message, code, param }, request_id: requestId }
}
