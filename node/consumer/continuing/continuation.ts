import type { ChatMessage, ChatRequest, InferenceRequest } from '../../../protocols/index.ts'
import { cutAtEnd, cutWithTail } from './cut.ts'
import type { Delivered, DeliveredCall } from './delivered.ts'

/** How another contributor goes on with an answer. */
export interface Continuation {
  /** The request to send. */
  request: InferenceRequest
  /** Content that it says again although the client has it; where it need not, `exact` is true. */
  content: string
  exact: boolean
  /** Reasoning that it says again; null where none is wanted any more. */
  reasoning: string | null
  /** Tool calls that it makes again. */
  calls: ReadonlyMap<number, DeliveredCall>
  /** Content that the client has and the contributor is given: a stop sequence may begin in it. */
  prefix: string
  /** The beginning of the message before this answer. */
  own: string
  /** Completion tokens of the answer that the contributor is given as part of its prompt. */
  tokens: number
  /** Whether the model must be able to continue a message. */
  continues: boolean
  /** Nothing is left of what may be written: the answer is over. */
  over: boolean
}

type AssistantMessage = Extract<ChatMessage, { role: 'assistant' }>

/** Why an answer cannot go on elsewhere, for its user. */
export interface Refusal {
  refusal: string
}

/**
 * The request to another contributor after an answer broke off. `exact` cuts where the text ends instead of before its
 * last word: for a model that goes on with another word than the one that was begun.
 */
export function continuation(
  request: InferenceRequest,
  delivered: Delivered,
  exact: boolean
): Continuation | Refusal {
  if (request.kind === 'embedding' || delivered.empty) return again(request, delivered)
  if (delivered.inCall) return { refusal: 'It broke off in a tool call' }
  if (
    request.kind === 'chat' &&
    request.response_format !== undefined &&
    request.response_format.type !== 'text'
  )
    return { refusal: 'It broke off in a document that follows a schema' }
  if (request.kind === 'completion' && request.suffix !== undefined && request.suffix !== '')
    return { refusal: 'It broke off in a text that is written between two others' }
  // No model goes on with a message that has calls in it: one that makes them again comes to the same place.
  if (delivered.calls.size > 0) return again(request, delivered)
  const { content } = delivered
  // The tail has more than spaces: a model that says it again has shown that it goes on.
  const { prefix } = exact ? cutAtEnd(content) : cutWithTail(content.trimEnd())
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
    content: content.slice(prefix.length),
    exact,
    reasoning: null,
    calls: new Map(),
    prefix,
    own: request.kind === 'chat' ? (begunMessage(request)?.content ?? '') : '',
    tokens,
    continues: request.kind === 'chat',
    over: request.max_tokens !== undefined && delivered.tokens >= request.max_tokens
  }
}

/** The whole once more: what comes again is left out. */
function again(request: InferenceRequest, { content, reasoning, calls }: Delivered): Continuation {
  return {
    request,
    content,
    // Spaces need not come again.
    exact: content.trim() === '',
    reasoning,
    calls,
    prefix: '',
    own: '',
    tokens: 0,
    continues: false,
    over: false
  }
}

/** The message that the user wants continued. */
function begunMessage({
  messages,
  continue_final_message: continues
}: ChatRequest): AssistantMessage | undefined {
  const last = messages.at(-1)
  return continues === true && last?.role === 'assistant' ? last : undefined
}

/** The messages with the answer so far as the last, to be continued. */
function continued(
  request: ChatRequest,
  prefix: string,
  reasoning: string
): Pick<ChatRequest, 'messages' | 'continue_final_message'> {
  const own = begunMessage(request)
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
