import { z } from 'zod'
import { chatRequest, type ChatRequest, type ChatTool } from '../../protocols/inference/index.ts'
import { samplingFields, stopTexts, toSampling, withoutNulls } from '../openai/sampling.ts'
import { onlyOfTypes, withTools } from '../openai/tools.ts'
import { inputMessage, joined, systemPrompt, toChatMessages } from './message-input.ts'

const contract = chatRequest.shape
const schema = z.record(z.string(), z.unknown())

const tool = z.object({
  type: z.literal('custom').nullish(),
  name: z.string().min(1).max(256),
  description: z.string().nullish(),
  input_schema: schema
})

const parallel = { disable_parallel_tool_use: z.boolean().nullish() }

const format = z.object({ type: z.literal('json_schema'), schema })

/** Fields that both `/v1/messages` and `count_tokens` read. */
const prompt = {
  model: contract.model,
  messages: z.array(inputMessage).min(1),
  system: systemPrompt.nullish(),
  tools: z.array(onlyOfTypes(['custom'], tool)).nullish(),
  tool_choice: z
    .discriminatedUnion('type', [
      z.object({ type: z.enum(['auto', 'any']), ...parallel }),
      z.object({ type: z.literal('none') }),
      z.object({ type: z.literal('tool'), name: z.string(), ...parallel })
    ])
    .nullish(),
  thinking: z
    .discriminatedUnion('type', [
      z.object({ type: z.literal('enabled'), budget_tokens: z.number().int().nullish() }),
      z.object({ type: z.literal(['disabled', 'adaptive', 'between_tools']) })
    ])
    .nullish()
}

/** The body of `POST /v1/messages/count_tokens`. Fields that are not named here are ignored. */
export const countBody = z.object(prompt)

/** The body of `POST /v1/messages`. Fields that are not named here are ignored. */
export const messageBody = z.object({
  ...samplingFields,
  ...prompt,
  max_tokens: contract.max_tokens.unwrap(),
  temperature: z.number().min(0).max(1).nullish(),
  stop_sequences: stopTexts,
  output_config: z
    .object({
      format: format.nullish(),
      effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).nullish()
    })
    .nullish(),
  // The name that `output_config.format` had in the beta, which older SDKs send.
  output_format: format.nullish(),
  stream: z.boolean().nullish()
})
type MessageBody = z.infer<typeof messageBody>

/** Up to how many tokens of thinking are little, and how many not yet much. */
const LOW_BUDGET_TOKENS = 2_048
const MEDIUM_BUDGET_TOKENS = 8_192

/** The request that a body asks for. Throws BadRequestError naming the field. */
export function toChatRequest(body: MessageBody): ChatRequest {
  const answer = (body.output_config?.format ?? body.output_format)?.schema
  return {
    kind: 'chat',
    model: body.model,
    ...toPrompt(body),
    ...toSampling({ ...body, stop: body.stop_sequences }),
    ...withoutNulls({
      response_format:
        answer === undefined
          ? undefined
          : { type: 'json_schema' as const, json_schema: { name: 'output', schema: answer } },
      reasoning_effort: toEffort(body)
    })
  }
}

/** The messages and tools, which are what a prompt is made from. */
export function toPrompt(
  body: z.infer<typeof countBody>
): Pick<ChatRequest, 'messages' | 'tools' | 'tool_choice' | 'parallel_tool_calls'> {
  const messages = toChatMessages(body.messages)
  if (body.system != null && body.system.length > 0) {
    messages.unshift({ role: 'system', content: joined(body.system) })
  }
  const tools = (body.tools ?? []).filter((tool) => tool !== undefined).map(toTool)
  const choice = body.tool_choice
  const single = choice != null && choice.type !== 'none' && choice.disable_parallel_tool_use === true
  return { messages, ...withTools(tools, toToolChoice(choice), single ? false : undefined) }
}

function toTool({ name, description, input_schema: parameters }: z.infer<typeof tool>): ChatTool {
  return { type: 'function', function: { name, parameters, ...withoutNulls({ description }) } }
}

function toToolChoice(choice: MessageBody['tool_choice']): ChatRequest['tool_choice'] {
  switch (choice?.type) {
    case 'tool':
      return { type: 'function', function: { name: choice.name } }
    case 'any':
      return 'required'
    default:
      return choice?.type
  }
}

/** How hard a model thinks is a budget here, or an effort; elsewhere it is an effort. */
function toEffort({ thinking, output_config: output }: MessageBody): ChatRequest['reasoning_effort'] {
  if (thinking?.type === 'disabled') return 'none'
  if (output?.effort != null) return output.effort === 'max' ? 'xhigh' : output.effort
  if (thinking?.type !== 'enabled' || thinking.budget_tokens == null) return undefined
  if (thinking.budget_tokens <= LOW_BUDGET_TOKENS) return 'low'
  return thinking.budget_tokens <= MEDIUM_BUDGET_TOKENS ? 'medium' : 'high'
}
