import { BadRequestError, UnsupportedParameterError } from '../../../protocols/errors.ts'
import type { GenerateRequest } from '../../../protocols/inference/index.ts'
import { imagesOf } from '../prompt.ts'
import { toGrammarSchema } from './schema.ts'

/** Throws UnsupportedParameterError for what the embedded engine cannot honour, before anything is started. */
export function checkRequest(request: GenerateRequest): void {
  if (Object.keys(request.logit_bias ?? {}).length > 0) refuse('logit_bias')
  if (request.top_logprobs !== undefined) refuse('logprobs')
  if (request.kind === 'completion') {
    if (request.suffix) refuse('suffix')
    if (request.prompt === '') throw new BadRequestError('The prompt is empty', { param: 'prompt' })
    return
  }
  if (request.tools !== undefined && request.tool_choice !== 'none') refuse('tools')
  for (const message of request.messages) {
    const withTools =
      message.role === 'tool' || (message.role === 'assistant' && message.tool_calls !== undefined)
    if (withTools) refuse('tool calls', 'messages')
    if (imagesOf(message).length > 0) refuse('images', 'messages')
  }
  if (request.response_format?.type === 'json_schema') {
    toGrammarSchema(request.response_format.json_schema.schema)
  }
}

function refuse(what: string, param = what): never {
  throw new UnsupportedParameterError(`The embedded engine does not support ${what}`, { param })
}
