import { z } from 'zod'
import { UnsupportedParameterError } from '../../protocols/errors.ts'
import { chatRequest, type ChatRequest, type ChatTool } from '../../protocols/inference/index.ts'
import { responseInput, toChatMessages } from './responses-input.ts'
import { samplingFields, toSampling, withoutNulls } from './sampling.ts'
import { functionFields, onlyOfType, toTool, withTools } from './tools.ts'

const contract = chatRequest.shape

const functionTool = functionFields.extend({ type: z.literal('function') })
const named = z.object({ type: z.literal('function'), name: z.string() })

const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  named,
  z.object({
    type: z.literal('allowed_tools'),
    mode: z.enum(['auto', 'required']),
    tools: z.array(z.object({ name: z.string().optional() }))
  })
])

const format = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({
    type: z.literal('json_schema'),
    name: z.string(),
    schema: z.record(z.string(), z.unknown()),
    description: z.string().nullish(),
    strict: z.boolean().nullish()
  })
])

/** The body of `POST /v1/responses`. Fields that are not named here are ignored, `store` among them. */
export const responsesBody = z.object({
  ...samplingFields,
  model: contract.model,
  input: responseInput,
  instructions: z.string().nullish(),
  max_output_tokens: contract.max_tokens.nullable(),
  tools: z.array(onlyOfType('function', functionTool)).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z.object({ format: format.nullish() }).nullish(),
  reasoning: z
    .object({ effort: contract.reasoning_effort.nullable(), summary: z.string().nullish() })
    .nullish(),
  include: z.array(z.string()).nullish(),
  top_logprobs: contract.top_logprobs.nullable(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  previous_response_id: z.unknown().optional(),
  conversation: z.unknown().optional(),
  background: z.unknown().optional(),
  prompt: z.unknown().optional(),
  stream: z.boolean().nullish()
})
export type ResponsesBody = z.infer<typeof responsesBody>

/** What would need answers to be kept here, which they are not. */
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
  const wantsLogprobs = body.include?.includes('message.output_text.logprobs') === true
  return {
    kind: 'chat',
    model: body.model,
    messages,
    ...toSampling({ ...body, max_completion_tokens: body.max_output_tokens }),
    ...toTools(body),
    ...withoutNulls({
      response_format: toResponseFormat(body.text?.format),
      reasoning_effort: body.reasoning?.effort,
      top_logprobs: body.top_logprobs ?? (wantsLogprobs ? 0 : undefined)
    })
  }
}

function toTools({
  tools = [],
  tool_choice: choice,
  parallel_tool_calls: parallel
}: ResponsesBody): ReturnType<typeof withTools> {
  const functions = (tools ?? []).filter((tool) => tool !== undefined).map(({ type: _, ...tool }) => tool)
  const all = functions.map(toTool)
  if (choice == null || typeof choice === 'string') return withTools(all, choice, parallel)
  if (choice.type === 'function') {
    return withTools(all, { type: 'function', function: { name: choice.name } }, parallel)
  }
  const allowed = new Set(choice.tools.map(({ name }) => name))
  const some = all.filter((tool: ChatTool) => allowed.has(tool.function.name))
  return withTools(some, choice.mode, parallel)
}

function toResponseFormat(wanted: z.infer<typeof format> | null | undefined): ChatRequest['response_format'] {
  if (wanted?.type !== 'json_schema') return wanted ?? undefined
  const { type, name, schema, ...rest } = wanted
  return { type, json_schema: { name, schema, ...withoutNulls(rest) } }
}
