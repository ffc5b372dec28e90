import type { Surface } from '../route.ts'
import { toAnthropicError } from './errors.ts'
import { countTokens, messages } from './messages.ts'

/** Anthropic's API. */
export const anthropic: Surface<'anthropic'> = {
  name: 'anthropic',
  routes: [messages, countTokens],
  owns: (path) => /^\/v1\/messages(\/|$)/.test(path),
  errorDocument: toAnthropicError,
  // Anthropic's clients look for this header instead of x-request-id.
  headers: (requestId) => ({ 'request-id': requestId })
}
