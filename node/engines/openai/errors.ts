import {
  BadRequestError,
  BusyError,
  ContextLengthExceededError,
  EngineFailedError,
  ModelNotFoundError,
  UnsupportedParameterError,
  type LobstahError
} from '../../../protocols/errors.ts'
import { quote } from '../errors.ts'
import { contextLengthIn, isContextOverflow } from '../context-length.ts'

/** The name of the server in messages. */
export const SERVER = 'The OpenAI-compatible server'

const UNSUPPORTED_IMAGE = /image input|image_url|mmproj|multimodal|vision add-on|does not support images/i
const UNREADABLE_REQUEST =
  /json\.exception|parse error|failed to parse|invalid (json|type|param)|invalid_request/i

/** The server's own words on a failure. */
export interface Failure {
  /** The HTTP status, or what the failure says its status is; 500 where neither says. */
  status: number
  message: string
  /** The kind of failure, in the server's own word. */
  type: string
  /** The context's length in tokens, where a field of its own tells it. */
  contextLength?: number | undefined
}

/** The error that stands for a failure of the server's. */
export function toError({ status, message, type, ...failure }: Failure): LobstahError {
  const said = quote(message)
  // Servers answer 500 for requests that no server could fulfil, so a 500 is not always worth a retry.
  if (status <= 501 && ![401, 402, 403, 429].includes(status)) {
    if (isContextOverflow(`${type} ${message}`)) {
      const contextLength = failure.contextLength ?? contextLengthIn(message)
      const known = contextLength === undefined ? {} : { contextLength }
      return new ContextLengthExceededError(`${SERVER} answers ${said}`, known)
    }
    if (UNSUPPORTED_IMAGE.test(message)) {
      return new UnsupportedParameterError(`${SERVER} answers ${said}`, { param: 'messages' })
    }
    if (status !== 404 && UNREADABLE_REQUEST.test(`${type} ${message}`)) {
      return new BadRequestError(`${SERVER} refuses the request: ${said}`)
    }
  }
  switch (status) {
    case 400:
    case 413:
    case 422:
      return new BadRequestError(`${SERVER} refuses the request: ${said}`)
    case 404:
      return new ModelNotFoundError(`${SERVER} does not have the model: ${said}`)
    case 429:
    case 503:
      return new BusyError(`${SERVER} is busy: ${said}`)
    case 501:
      return new UnsupportedParameterError(`${SERVER} cannot do this: ${said}`, { param: 'model' })
    default:
      return new EngineFailedError(`${SERVER} failed: ${said}`)
  }
}

/** The failure that a body other than 2xx tells. */
export function failureOf(status: number, body: string): Failure {
  const document = parsed(body)
  const { message, type = '', contextLength } = wordsOf(document) ?? {}
  return { status, type, contextLength, message: message ?? (body.trim() === '' ? `status ${status}` : body) }
}

/** The failure that a document at status 200, or an event of a stream, tells instead of an answer. */
export function failureIn(document: unknown): Failure | undefined {
  if (!isFailure(document)) return undefined
  const { message, type = '', status, contextLength } = wordsOf(document) ?? {}
  const refused = /invalid|validation|bad_?request/i.test(type)
  const known = { type, contextLength, message: message ?? 'it does not say why' }
  return { status: status ?? (refused ? 400 : 500), ...known }
}

/** Whether a document tells a failure. `error: null` beside an answer does not. */
function isFailure(document: unknown): boolean {
  if (typeof document === 'string') return true
  if (!isRecord(document)) return false
  if (document.error) return true
  if (Array.isArray(document.choices)) return false
  const { object, detail, message, code, type } = document
  return object === 'error' || detail != null || (typeof message === 'string' && (code ?? type) != null)
}

interface Words {
  contextLength?: number | undefined
  message?: string | undefined
  type?: string | undefined
  status?: number | undefined
}

/**
 * The message of a failure, in any of the common forms: `{error: {message}}` (OpenAI's), `{error: "…"}` (Ollama, TGI),
 * `{object: "error", message}` (SGLang, older vLLM), `{detail}` (FastAPI). Parts of the request that a failure repeats are
 * left alone.
 */
function wordsOf(document: unknown): Words | undefined {
  if (typeof document === 'string') {
    // Proxies put the JSON of the server behind them into a text.
    const inner = document.trimStart().startsWith('{') ? wordsOf(parsed(document)) : undefined
    return inner?.message === undefined ? { message: document } : inner
  }
  if (!isRecord(document)) return undefined
  const { error, message, detail, msg } = document
  const own = {
    type: firstString(document.type, document.error_type, document.code),
    status: firstStatus(document.http_status_code, document.code, document.status),
    contextLength:
      Number.isSafeInteger(document.n_ctx) && Number(document.n_ctx) > 0 ? Number(document.n_ctx) : undefined
  }
  // An empty or a null error is none.
  if (error) {
    const inner = wordsOf(error)
    return {
      message: inner?.message,
      type: inner?.type ?? own.type,
      status: inner?.status ?? own.status,
      contextLength: inner?.contextLength ?? own.contextLength
    }
  }
  if (Array.isArray(detail)) return { ...own, ...wordsOf(detail[0]) }
  const text = firstString(message, detail, msg)
  if (text !== undefined) return { ...own, message: text }
  return isRecord(detail) ? wordsOf(detail) : undefined
}

function firstString(...values: unknown[]): string | undefined {
  return values.find((value): value is string => typeof value === 'string' && value !== '')
}

function firstStatus(...values: unknown[]): number | undefined {
  return values.map(Number).find((value) => Number.isInteger(value) && value >= 400 && value <= 599)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
