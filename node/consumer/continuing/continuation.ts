import type { ChatRequest, InferenceRequest } from '../../../protocols/index.ts'
import { cutAtEnd, cutAtWord } from './cut.ts'
import type { Delivered } from './delivered.ts'

/** How another contributor goes on with an answer. */
export interface Continuation {
  /** What it is asked. */
  request: InferenceRequest
  /** Content that it says again although the client has it; where it need not, `exact` is true. */
  content: string
  exact: boolean
  /** Reasoning that it says again; null where none is wanted any more. */
  reasoning: string | null
  /** Content that the client has and the contributor is given: a stop sequence may begin in it. */
  prefix: string
  /** Completion tokens of the answer that the contributor is given as part of its prompt. */
  tokens: number
  /** Whether the model must be able to continue a message. */
  continues: boolean
  /** Nothing is left of what may be written: the answer is over. */
  over: boolean
}

/** Why an answer cannot go on elsewhere, for its user. */
export interface Refusal {
  refusal: string
}

/**
 * What to ask of another contributor after an answer broke off. `exact` cuts where the text ends instead of before its
 * last word: for a model that goes on with another word than the one that was begun.
 */
export function continuation(
  request: InferenceRequest,
  delivered: Delivered,
  exact: boolean
): Continuation | Refusal {
  if (request.kind === 'embedding' || delivered.empty) return again(request, delivered)
  if (delivered.calls) return { refusal: 'It broke off in a tool call' }
  if (
    request.kind === 'chat' &&
    request.response_format !== undefined &&
    request.response_format.type !== 'text'
  )
    return { refusal: 'It broke off in a document that follows a schema' }
  if (request.kind === 'completion' && request.suffix !== undefined && request.suffix !== '')
    return { refusal: 'It broke off in a text that is written between two others' }
  const { prefix, tail } = (exact ? cutAtEnd : cutAtWord)(delivered.content)
  // Of what a model has only thought, or said one word, it thinks again.
  if (prefix === '') return again(request, delivered)
  const tokens = delivered.tokensAt(prefix.length)
  const bounds =
    request.max_tokens === undefined ? {} : { max_tokens: Math.max(1, request.max_tokens - tokens) }
  return {
    request:
      request.kind === 'completion'
        ? { ...request, ...bounds, prompt: request.prompt + prefix }
        : { ...request, ...bounds, ...continued(request, prefix, delivered.reasoning) },
    content: tail,
    exact,
    reasoning: null,
    prefix,
    tokens,
    continues: request.kind === 'chat',
    over: request.max_tokens !== undefined && delivered.tokens >= request.max_tokens
  }
}

/** The whole once more: what comes again is left out. */
function again(request: InferenceRequest, { content, reasoning }: Delivered): Continuation {
  return { request, content, exact: false, reasoning, prefix: '', tokens: 0, continues: false, over: false }
}

/** The messages with the answer so far as the last, to be continued. */
function continued(
  request: ChatRequest,
  prefix: string,
  reasoning: string
): Pick<ChatRequest, 'messages' | 'continue_final_message'> {
  const last = request.messages.at(-1)
  const own = request.continue_final_message === true && last?.role === 'assistant' ? last : undefined
  const thought = reasoning === '' ? {} : { reasoning_content: reasoning }
  const message = own ?? { role: 'assistant' as const, content: '', ...thought }
  return {
    messages: [
      ...(own === undefined ? request.messages : request.messages.slice(0, -1)),
      { ...message, content: `${message.content ?? ''}${prefix}` }
    ],
    continue_final_message: true
  }
}
