import {
  BadRequestError,
  BusyError,
  CancelledError,
  ContextLengthExceededError,
  EngineFailedError,
  LobstahError,
  ModelNotFoundError,
  UnsupportedParameterError
} from '../../protocols/errors.ts'
import { contextLengthIn, isContextOverflow } from './context-length.ts'

/** How much of an engine's own words goes into a message, in characters. */
const MAX_QUOTE_LENGTH = 300

const UNSUPPORTED_IMAGE = /image input|image_url|mmproj|multimodal/i
const UNREADABLE_REQUEST = /json\.exception|parse error|failed to parse|invalid (json|type|param)/i

/** Where Ollama repeats an answer in an error, and llama.cpp a request. */
const REPEATED = /(raw=|last read: )'.*'/g

/**
 * An engine's words as data: one line, bounded, between quotation marks. Prompts and answers, which no log may hold,
 * are left out.
 */
export function quote(text: string): string {
  const line = text.replace(/\s+/g, ' ').replace(REPEATED, "$1'…'").trim()
  return JSON.stringify(line.length > MAX_QUOTE_LENGTH ? `${line.slice(0, MAX_QUOTE_LENGTH)}…` : line)
}

/** Maps an engine's HTTP status other than 2xx to an error. */
export function statusError(engine: string, status: number, body: string): LobstahError {
  const said = quote(messageOf(body))
  if (status <= 500) {
    // llama.cpp answers 500 for requests that no server could fulfil, so a 500 is not always worth a retry.
    if (isContextOverflow(body)) {
      const contextLength = contextLengthIn(body)
      const known = contextLength === undefined ? {} : { contextLength }
      return new ContextLengthExceededError(`${engine} answers ${said}`, known)
    }
    if (UNSUPPORTED_IMAGE.test(body)) {
      return new UnsupportedParameterError(`${engine} answers ${said}`, { param: 'messages' })
    }
    if (UNREADABLE_REQUEST.test(body)) return new BadRequestError(`${engine} refuses the request: ${said}`)
  }
  switch (status) {
    case 400:
    case 413:
    case 422:
      return new BadRequestError(`${engine} refuses the request: ${said}`)
    case 404:
      return new ModelNotFoundError(`${engine} does not have the model: ${said}`)
    case 429:
    case 503:
      return new BusyError(`${engine} is busy: ${said}`)
    default:
      return new EngineFailedError(`${engine} answers ${status}: ${said}`)
  }
}

/** The message in an error body: `{"error": "…"}`, `{"error": {"message": "…"}}`, or the text itself. */
export function messageOf(body: string): string {
  try {
    const parsed = JSON.parse(body) as unknown
    return textOf(parsed) ?? body
  } catch {
    return body
  }
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null) return undefined
  if ('error' in value) return textOf(value.error)
  return 'message' in value ? textOf(value.message) : undefined
}

/**
 * The error that a call throws: the signal's reason once it is aborted, errors that have a code as they are, and
 * anything else as an EngineFailedError.
 */
export function callError(engine: string, err: unknown, signal: AbortSignal): Error {
  if (signal.aborted) {
    const reason: unknown = signal.reason
    return reason instanceof Error ? reason : new CancelledError()
  }
  if (err instanceof LobstahError) return err
  const said = quote(err instanceof Error ? err.message : String(err))
  return new EngineFailedError(`${engine} failed: ${said}`, { cause: err })
}

/** A setting of an engine that cannot be meant; the message names it and says what was expected. */
export class EngineSettingsError extends Error {
  static override readonly name = 'EngineSettingsError'
  override readonly name = 'EngineSettingsError'
}
