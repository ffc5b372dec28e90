import { z } from 'zod'
import { BadRequestError, UnsupportedParameterError } from '../../protocols/errors.ts'
import { chatRequest, type ChatRequest } from '../../protocols/inference/index.ts'
import { formatFields, responseFormat, toResponseFormat } from './response-format.ts'
import { offeredTools, responseInput, toChatMessages } from './responses-input.ts'
import { responsesTool, toTools, type CalledTool } from './responses-tools.ts'
import { maxTokens, samplingFields, toSampling, withoutNulls } from './sampling.ts'
import { chosenTools, toolChoice } from './tool-choice.ts'

const contract = chatRequest.shape

/** The body of `POST /v1/responses`. Fields that are not named here are ignored. */
export const responsesBody = z.object({
  ...samplingFields,
  model: contract.model,
  input: responseInput,
  instructions: z.string().nullish(),
  max_output_tokens: maxTokens,
  tools: z.array(responsesTool).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z.object({ format: responseFormat.nullish() }).nullish(),
  ...formatFields,
  reasoning: z
    .object({ effort: contract.reasoning_effort.nullable(), summary: z.string().nullish() })
    .nullish(),
  include: z.array(z.string()).nullish(),
  top_logprobs: contract.top_logprobs.nullable(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  store: z.boolean().nullish(),
  previous_response_id: z.unknown().optional(),
  conversation: z.unknown().optional(),
  background: z.unknown().optional(),
  prompt: z.unknown().optional(),
  stream: z.boolean().nullish()
})
export type ResponsesBody = z.infer<typeof responsesBody>

/** Parameters that need stored answers, which the gateway does not keep. */
const STATEFUL = ['previous_response_id', 'conversation', 'background', 'prompt'] as const

/** The request that a body asks for. Throws BadRequestError or UnsupportedParameterError naming the field. */
export function toChatRequest(body: ResponsesBody): ChatRequest {
  for (const param of STATEFUL) {
    if (body[param] == null || body[param] === false) continue
    throw new UnsupportedParameterError(`${param} is not supported: nothing is stored here, send all input`, {
      param
    })
  }
  const messages = toChatMessages(body.input)
  if (body.instructions != null) messages.unshift({ role: 'system', content: body.instructions })
  if (messages.length === 0) throw new BadRequestError('input says nothing to a model', { param: 'input' })
  const wantsLogprobs = body.include?.includes('message.output_text.logprobs') === true
  return {
    kind: 'chat',
    model: body.model,
    messages,
    ...toSampling({ ...body, max_completion_tokens: body.max_output_tokens }),
    ...chosenTools(offered(body).tools, body.tool_choice, body.parallel_tool_calls),
    ...withoutNulls({
      response_format: toResponseFormat({
        ...body,
        response_format: body.text?.format ?? body.response_format
      }),
      reasoning_effort: body.reasoning?.effort,
      top_logprobs: body.top_logprobs ?? (wantsLogprobs ? 0 : undefined)
    })
  }
}

/** The client's view of each tool that the model may call, by its name in the request. */
export function calledTools(body: ResponsesBody): Map<string, CalledTool> {
  return offered(body).called
}

function offered(body: ResponsesBody): ReturnType<typeof toTools> {
  return toTools([...(body.tools ?? []), ...offeredTools(body.input)])
}
