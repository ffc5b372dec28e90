import { UnsupportedParameterError } from '../../../protocols/errors.ts'
import type { ChatMessage, ChatRequest, CompletionRequest } from '../../../protocols/inference/index.ts'
import { imageData, imagesOf } from '../prompt.ts'
import { argumentsObject } from '../tool-arguments.ts'
import { boundsItself, type ServedModel } from './models.ts'

/** Without `include_usage` the server does not count for streams. */
const STREAMED = { stream: true, stream_options: { include_usage: true } } as const

/** A chat as the body of `/v1/chat/completions`. */
export function toChatBody(request: ChatRequest, model: ServedModel): object {
  for (const message of request.messages) imagesOf(message).forEach(imageData)
  const { continue_final_message: continued, top_logprobs: top, messages, ...body } = request
  if (continued === true && !model.info.capabilities.includes('continue')) {
    throw new UnsupportedParameterError('The server does not continue messages', {
      param: 'continue_final_message'
    })
  }
  return {
    ...body,
    ...common(request, model),
    messages: messages.map(withObjects),
    ...(top === undefined ? {} : { logprobs: true, top_logprobs: top }),
    ...(continued === true ? { continue_final_message: true, add_generation_prompt: false } : {})
  }
}

/** A completion as the body of `/v1/completions`. */
export function toCompletionBody(request: CompletionRequest, model: ServedModel): object {
  const { top_logprobs: top, ...body } = request
  return { ...body, ...common(request, model), ...(top === undefined ? {} : { logprobs: top }) }
}

function common(request: ChatRequest | CompletionRequest, model: ServedModel): object {
  return {
    kind: undefined,
    ...STREAMED,
    model: model.serverId,
    // Null means as much as fits; left out, a completion would end after a few words.
    ...(boundsItself(model, request.max_tokens) ? { max_tokens: null } : {}),
    // No limit is 0 to us and to most servers; SGLang wants -1.
    ...(request.top_k === 0 && model.sglang ? { top_k: -1 } : {})
  }
}

/** A message whose calls have arguments that the templates of the servers can read. */
function withObjects(message: ChatMessage): ChatMessage {
  if (message.role !== 'assistant' || message.tool_calls === undefined) return message
  const calls = message.tool_calls.map(({ function: called, ...call }) => ({
    ...call,
    function: { ...called, arguments: JSON.stringify(argumentsObject(called.arguments)) }
  }))
  return { ...message, tool_calls: calls }
}
