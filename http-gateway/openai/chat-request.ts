import { z } from 'zod'
import { chatRequest, type ChatRequest } from '../../protocols/inference/index.ts'
import { chatMessage, toMessages } from './chat-messages.ts'
import { MAX_CHOICES } from './choices.ts'
import { formatFields, toResponseFormat } from './response-format.ts'
import { samplingFields, toSampling, toTopLogprobs, withoutNulls } from './sampling.ts'
import { chosenTools, toolChoice } from './tool-choice.ts'
import { customFields, functionFields, onlyOfTypes, toFreeFormTool, toTool, withTools } from './tools.ts'

const contract = chatRequest.shape

const tool = onlyOfTypes(
  ['function', 'custom'],
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('function'), function: functionFields }),
    z.object({ type: z.literal('custom'), custom: customFields })
  ])
)

/** The body of `POST /v1/chat/completions`. Fields that are not named here are ignored. */
export const chatBody = z.object({
  ...samplingFields,
  model: contract.model,
  messages: z.array(chatMessage).min(1),
  n: z.number().int().min(1).max(MAX_CHOICES).nullish(),
  tools: z.array(tool).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  functions: z.array(functionFields).nullish(),
  function_call: z.union([z.enum(['none', 'auto']), z.object({ name: z.string() })]).nullish(),
  ...formatFields,
  reasoning_effort: contract.reasoning_effort.nullable(),
  continue_final_message: z.boolean().nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: contract.top_logprobs.nullable(),
  modalities: z.array(z.literal('text', 'answers are text')).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish()
})
export type ChatBody = z.infer<typeof chatBody>

/** The request that a body asks for. Throws BadRequestError naming the field. */
export function toChatRequest(body: ChatBody): ChatRequest {
  return {
    kind: 'chat',
    model: body.model,
    messages: toMessages(body.messages),
    ...toSampling(body),
    ...toTools(body),
    ...withoutNulls({
      response_format: toResponseFormat(body),
      reasoning_effort: body.reasoning_effort,
      continue_final_message: body.continue_final_message,
      top_logprobs: toTopLogprobs(body.logprobs, body.top_logprobs)
    })
  }
}

function toTools(body: ChatBody): ReturnType<typeof withTools> {
  if (body.functions != null && body.functions.length > 0) {
    const wanted = body.function_call
    const choice =
      wanted != null && typeof wanted === 'object'
        ? { type: 'function' as const, function: { name: wanted.name } }
        : wanted
    return withTools(body.functions.map(toTool), choice, false, 'function_call')
  }
  const tools = (body.tools ?? [])
    .filter((tool) => tool !== undefined)
    .map((tool) => (tool.type === 'custom' ? toFreeFormTool(tool.custom) : toTool(tool.function)))
  return chosenTools(tools, body.tool_choice, body.parallel_tool_calls)
}

/** The names of the tools that take free text instead of arguments. */
export function freeFormTools(body: ChatBody): Set<string> {
  return new Set((body.tools ?? []).flatMap((tool) => (tool?.type === 'custom' ? [tool.custom.name] : [])))
}
