import { toAnthropicError } from './anthropic/errors.ts'
import { toEnvelope, type Failure } from './errors.ts'
import { toOllamaError } from './ollama/errors.ts'

/** The error document in the words of the surface that a path belongs to; OpenAI's for all that is nobody's. */
export function errorDocument(url: string, failure: Failure, requestId: string): object {
  const path = url.replace(/\/{2,}/g, '/')
  if (/^\/v1\/messages(?![^/?#])/.test(path)) return toAnthropicError(failure, requestId)
  if (path.startsWith('/api/')) return toOllamaError(failure)
  return toEnvelope(failure)
}
