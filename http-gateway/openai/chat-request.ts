import { z } from 'zod'
import { BadRequestError, UnsupportedParameterError } from '../../protocols/errors.ts'
import {
  chatRequest,
  type ChatMessage,
  type ChatRequest,
  type ChatTool
} from '../../protocols/inference/index.ts'
import { samplingFields, toSampling, toTopLogprobs, withoutNulls } from './sampling.ts'

const contract = chatRequest.shape
const text = z.string()
const name = text.nullish()

const textPart = z.object({ type: z.literal('text'), text })
const refusalPart = z.object({ type: z.literal('refusal'), refusal: text })
const imagePart = z.object({
  type: z.literal('image_url'),
  image_url: z.object({ url: text, detail: z.enum(['auto', 'low', 'high']).nullish() })
})

/** Content as parts, a bare string being one: so that an error names the part at fault. */
function content<T extends z.ZodType>(parts: T): z.ZodType<z.infer<T>> {
  return z.preprocess((value) => (typeof value === 'string' ? [{ type: 'text', text: value }] : value), parts)
}

const texts = content(z.array(textPart).min(1))

const message = z.discriminatedUnion('role', [
  z.object({ role: z.literal(['system', 'developer']), content: texts, name }),
  z.object({
    role: z.literal('user'),
    content: content(z.array(z.discriminatedUnion('type', [textPart, imagePart])).min(1)),
    name
  }),
  z.object({
    role: z.literal('assistant'),
    content: content(z.array(z.discriminatedUnion('type', [textPart, refusalPart]))).nullish(),
    reasoning_content: text.nullish(),
    name,
    tool_calls: z
      .array(
        z.object({
          id: text,
          type: z.literal('function').default('function'),
          function: z.object({ name: text, arguments: text })
        })
      )
      .nullish()
  }),
  z.object({ role: z.literal('tool'), content: texts, tool_call_id: text })
])

const functionTool = z.object({
  type: z.literal('function'),
  function: z.object({
    name: z.string().min(1).max(256),
    description: text.nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
    strict: z.boolean().nullish()
  })
})

/** Codex and others offer tools of types that only some servers know: those are left out, not refused. */
const tool = z.preprocess((value) => (isOfAnotherType(value) ? undefined : value), functionTool.optional())

/** The body of `POST /v1/chat/completions`. Fields that are not named here are ignored. */
export const chatBody = z.object({
  ...samplingFields,
  model: contract.model,
  messages: z.array(message).min(1),
  tools: z.array(tool).nullish(),
  tool_choice: contract.tool_choice.nullable(),
  parallel_tool_calls: z.boolean().nullish(),
  functions: z.array(z.unknown()).nullish(),
  response_format: contract.response_format.nullable(),
  reasoning_effort: contract.reasoning_effort.nullable(),
  continue_final_message: z.boolean().nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: contract.top_logprobs.nullable(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish()
})
export type ChatBody = z.infer<typeof chatBody>

/** The request that a body asks for. Throws BadRequestError or UnsupportedParameterError naming the field. */
export function toChatRequest(body: ChatBody): ChatRequest {
  if (body.functions != null && body.functions.length > 0) {
    throw new UnsupportedParameterError('functions is not supported: send tools', { param: 'functions' })
  }
  const tools = toTools(body.tools ?? [])
  return {
    kind: 'chat',
    model: body.model,
    messages: body.messages.map(toMessage),
    ...toSampling(body),
    ...withoutNulls({
      tools: tools.length === 0 ? undefined : tools,
      tool_choice: toToolChoice(body.tool_choice, tools),
      parallel_tool_calls: tools.length === 0 ? undefined : body.parallel_tool_calls,
      response_format: body.response_format,
      reasoning_effort: body.reasoning_effort,
      continue_final_message: body.continue_final_message,
      top_logprobs: toTopLogprobs(body.logprobs, body.top_logprobs)
    })
  }
}

function toMessage(message: ChatBody['messages'][number]): ChatMessage {
  const name = withoutNulls({ name: message.role === 'tool' ? undefined : message.name })
  switch (message.role) {
    case 'system':
    case 'developer':
      return { role: 'system', content: joined(message.content), ...name }
    case 'user':
      return { role: 'user', content: toUserContent(message.content), ...name }
    case 'tool':
      return { role: 'tool', content: joined(message.content), tool_call_id: message.tool_call_id }
    case 'assistant':
      return {
        role: 'assistant',
        content: message.content == null ? null : joined(message.content),
        ...name,
        ...withoutNulls({
          reasoning_content: message.reasoning_content,
          tool_calls: message.tool_calls?.length === 0 ? undefined : message.tool_calls
        })
      }
  }
}

type UserPart = z.infer<typeof textPart> | z.infer<typeof imagePart>

function toUserContent(parts: UserPart[]): Extract<ChatMessage, { role: 'user' }>['content'] {
  if (parts.every((part) => part.type === 'text')) return joined(parts)
  return parts.map((part) =>
    part.type === 'text'
      ? part
      : {
          type: part.type,
          image_url: { url: part.image_url.url, ...withoutNulls({ detail: part.image_url.detail }) }
        }
  )
}

function joined(parts: (z.infer<typeof textPart> | z.infer<typeof refusalPart>)[]): string {
  return parts.map((part) => (part.type === 'text' ? part.text : part.refusal)).join('')
}

function toTools(tools: (z.infer<typeof functionTool> | undefined)[]): ChatTool[] {
  return tools
    .filter((tool) => tool !== undefined)
    .map(({ type, function: { name, ...rest } }) => ({ type, function: { name, ...withoutNulls(rest) } }))
}

/** A choice among no tools says nothing, unless it demands one. */
function toToolChoice(choice: ChatBody['tool_choice'], tools: ChatTool[]): ChatRequest['tool_choice'] {
  if (choice == null) return undefined
  const demanded = typeof choice === 'object' ? choice.function.name : undefined
  const known = demanded === undefined || tools.some((tool) => tool.function.name === demanded)
  if (!known || (choice === 'required' && tools.length === 0)) {
    throw new BadRequestError('tool_choice demands a tool that is not among tools', { param: 'tool_choice' })
  }
  return tools.length === 0 ? undefined : choice
}

function isOfAnotherType(tool: unknown): boolean {
  if (typeof tool !== 'object' || tool === null || !('type' in tool)) return false
  return typeof tool.type === 'string' && tool.type !== 'function'
}
