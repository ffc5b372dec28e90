/** What a client is told of a request that no route ever saw. */
export interface ForeignFailure {
  status: number
  code: string
  message: string
}

/** What goes wrong below the routes, in Fastify or in Node's HTTP parser, by its code there. */
const FOREIGN: ReadonlyMap<string, ForeignFailure> = new Map([
  [
    'FST_ERR_CTP_INVALID_MEDIA_TYPE',
    {
      status: 415,
      code: 'unsupported_media_type',
      message: 'Send the body as content-type: application/json'
    }
  ],
  [
    'FST_ERR_CTP_BODY_TOO_LARGE',
    { status: 413, code: 'request_too_large', message: 'The body is larger than the limit' }
  ],
  [
    'FST_ERR_CTP_INVALID_JSON_BODY',
    { status: 400, code: 'invalid_json', message: 'The body is not valid JSON' }
  ],
  ['FST_ERR_CTP_EMPTY_JSON_BODY', { status: 400, code: 'invalid_json', message: 'The body is empty' }],
  [
    'FST_ERR_CTP_INVALID_CONTENT_LENGTH',
    { status: 400, code: 'bad_request', message: 'The body is not as long as its content-length says' }
  ],
  ['FST_ERR_BAD_URL', { status: 400, code: 'bad_request', message: 'The path is not a valid URL component' }],
  [
    'FST_ERR_MAX_PARAM_LENGTH',
    { status: 404, code: 'model_not_found', message: 'No model has a name this long' }
  ],
  [
    'HPE_HEADER_OVERFLOW',
    { status: 431, code: 'headers_too_large', message: 'The headers are larger than 16 KiB' }
  ],
  [
    'HPE_CHUNK_EXTENSIONS_OVERFLOW',
    { status: 413, code: 'request_too_large', message: 'The chunk extensions are too large' }
  ],
  [
    'ERR_HTTP_REQUEST_TIMEOUT',
    { status: 408, code: 'request_timeout', message: 'The request did not arrive in time' }
  ]
])

/** What Fastify or Node's HTTP parser refused, as a client is told of it; undefined for any other error. */
export function foreignFailure(err: unknown): ForeignFailure | undefined {
  const known = err instanceof Error && 'code' in err ? FOREIGN.get(String(err.code)) : undefined
  if (known !== undefined || !isParserError(err)) return known
  return { status: 400, code: 'bad_request', message: 'The request is not valid HTTP' }
}

/** Fastify's refusals carry a status of their own, Node's HTTP parser's a code that starts with HPE_. */
function isParserError(err: unknown): boolean {
  if (!(err instanceof Error)) return false
  if ('statusCode' in err && typeof err.statusCode === 'number') return err.statusCode < 500
  return 'code' in err && String(err.code).startsWith('HPE_')
}
