/** The error for a request that never reached a route. */
export interface ForeignFailure {
  code: string
  message: string
}

/** Errors below the routes, of Fastify or Node's HTTP parser, by their codes there. */
const FOREIGN: ReadonlyMap<string, ForeignFailure> = new Map([
  [
    'FST_ERR_CTP_INVALID_MEDIA_TYPE',
    {
      code: 'unsupported_media_type',
      message: 'Send the body as content-type: application/json'
    }
  ],
  ['FST_ERR_CTP_BODY_TOO_LARGE', { code: 'request_too_large', message: 'The body is larger than the limit' }],
  ['FST_ERR_CTP_INVALID_JSON_BODY', { code: 'invalid_json', message: 'The body is not valid JSON' }],
  ['FST_ERR_CTP_EMPTY_JSON_BODY', { code: 'invalid_json', message: 'The body is empty' }],
  [
    'FST_ERR_CTP_INVALID_CONTENT_LENGTH',
    { code: 'bad_request', message: 'The body is not as long as its content-length says' }
  ],
  ['FST_ERR_BAD_URL', { code: 'bad_request', message: 'The path is not a valid URL component' }],
  ['FST_ERR_MAX_PARAM_LENGTH', { code: 'model_not_found', message: 'No model has a name this long' }],
  ['HPE_HEADER_OVERFLOW', { code: 'headers_too_large', message: 'The headers are larger than 16 KiB' }],
  [
    'HPE_CHUNK_EXTENSIONS_OVERFLOW',
    { code: 'request_too_large', message: 'The chunk extensions are too large' }
  ],
  ['ERR_HTTP_REQUEST_TIMEOUT', { code: 'request_timeout', message: 'The request did not arrive in time' }]
])

/** Translates an error of Fastify or Node's HTTP parser; undefined for any other error. */
export function foreignFailure(err: unknown): ForeignFailure | undefined {
  const known = err instanceof Error && 'code' in err ? FOREIGN.get(String(err.code)) : undefined
  if (known !== undefined || !isParserError(err)) return known
  return { code: 'bad_request', message: 'The request is not valid HTTP' }
}

/** Fastify's refusals carry a status of their own, Node's HTTP parser's a code that starts with HPE_. */
function isParserError(err: unknown): boolean {
  if (!(err instanceof Error)) return false
  if ('statusCode' in err && typeof err.statusCode === 'number') return err.statusCode < 500
  return 'code' in err && String(err.code).startsWith('HPE_')
}
