import { UnsupportedParameterError } from '../../../protocols/errors.ts'
import type { ChatRequest, CompletionRequest, ModelInfo } from '../../../protocols/inference/index.ts'
import { imageData, imagesOf } from '../prompt.ts'

/** Without `include_usage` the server does not count for streams. */
const STREAMED = { stream: true, stream_options: { include_usage: true } } as const

/** A chat as the body of `/v1/chat/completions`. */
export function toChatBody(request: ChatRequest, model: ModelInfo): object {
  for (const message of request.messages) imagesOf(message).forEach(imageData)
  const { continue_final_message: continued, top_logprobs: top, ...body } = request
  if (continued === true && !model.capabilities.includes('continue')) {
    throw new UnsupportedParameterError('The server does not continue messages', {
      param: 'continue_final_message'
    })
  }
  return {
    ...body,
    kind: undefined,
    ...STREAMED,
    model: model.id,
    ...(top === undefined ? {} : { logprobs: true, top_logprobs: top }),
    ...(continued === true ? { continue_final_message: true, add_generation_prompt: false } : {})
  }
}

/** A completion as the body of `/v1/completions`. */
export function toCompletionBody(request: CompletionRequest, model: ModelInfo): object {
  const { top_logprobs: top, ...body } = request
  if (top !== undefined) {
    throw new UnsupportedParameterError('Log probabilities are given for chats only', { param: 'logprobs' })
  }
  return { ...body, kind: undefined, ...STREAMED, model: model.id }
}
