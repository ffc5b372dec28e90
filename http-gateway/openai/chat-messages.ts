import { z } from 'zod'
import type { ChatMessage } from '../../protocols/inference/index.ts'
import { toArguments } from '../answer/free-form-input.ts'
import { fileFields, openAiFilePart, type Place } from '../documents/index.ts'
import { imageDetail, imageUrl } from './images.ts'
import { withoutNulls } from './sampling.ts'

const text = z.string()
const name = text.nullish()

const textPart = z.object({ type: z.literal('text'), text })
const refusalPart = z.object({ type: z.literal('refusal'), refusal: text })
const imagePart = z.object({
  type: z.literal('image_url'),
  image_url: z.object({ url: imageUrl, detail: imageDetail.nullish() })
})

function filePart(place: Place) {
  return z
    .object({ type: z.literal('file'), file: z.object(fileFields) })
    .transform(({ file }, issues) => openAiFilePart(file, ['file'], place, issues))
}

/** Content as parts, a bare string being one: so that an error names the part at fault. */
function content<T extends z.ZodType>(parts: T): z.ZodType<z.infer<T>> {
  return z.preprocess((value) => (typeof value === 'string' ? [{ type: 'text', text: value }] : value), parts)
}

const texts = content(z.array(textPart).min(1))
const returned = content(z.array(z.discriminatedUnion('type', [textPart, filePart('returned')])).min(1))
const call = z.object({ name: text, arguments: text })

/** A call as it was made: one of a free-form tool is one of the function that stands for it. */
const toolCall = z
  .preprocess(
    (value) =>
      typeof value === 'object' && value !== null
        ? { ...value, type: (Reflect.get(value, 'type') as unknown) ?? 'function' }
        : value,
    z.discriminatedUnion('type', [
      z.object({ id: text, type: z.literal('function'), function: call }),
      z.object({ id: text, type: z.literal('custom'), custom: z.object({ name: text, input: text }) })
    ])
  )
  .transform((made) =>
    made.type === 'function'
      ? made
      : {
          id: made.id,
          type: 'function' as const,
          function: { name: made.custom.name, arguments: toArguments(made.custom.input) }
        }
  )

/** One message of a chat, in every form that OpenAI's clients send. */
export const chatMessage = z.discriminatedUnion('role', [
  z.object({ role: z.literal(['system', 'developer']), content: texts, name }),
  z.object({
    role: z.literal('user'),
    content: content(z.array(z.discriminatedUnion('type', [textPart, imagePart, filePart('sent')])).min(1)),
    name
  }),
  z.object({
    role: z.literal('assistant'),
    content: content(z.array(z.discriminatedUnion('type', [textPart, refusalPart]))).nullish(),
    reasoning_content: text.nullish(),
    reasoning: text.nullish(),
    name,
    tool_calls: z.array(toolCall).nullish(),
    function_call: call.nullish()
  }),
  z.object({ role: z.literal('tool'), content: returned.nullish(), tool_call_id: text }),
  z.object({ role: z.literal('function'), content: returned.nullish(), name: text })
])
type Message = z.infer<typeof chatMessage>

/** The messages as a request has them. */
export function toMessages(messages: Message[]): ChatMessage[] {
  // Functions, which were before tools, have no ids: a result is that of the latest call.
  let functionCalls = 0
  return messages.map((message): ChatMessage => {
    switch (message.role) {
      case 'system':
      case 'developer':
        return { role: 'system', content: joined(message.content), ...named(message) }
      case 'user':
        return { role: 'user', content: toUserContent(message.content), ...named(message) }
      case 'tool':
        return { role: 'tool', content: joined(message.content ?? []), tool_call_id: message.tool_call_id }
      case 'function':
        return {
          role: 'tool',
          content: joined(message.content ?? []),
          tool_call_id: functionCallId(functionCalls)
        }
      case 'assistant':
        if (message.function_call != null) functionCalls++
        return toAssistant(message, functionCallId(functionCalls))
    }
  })
}

function toAssistant(
  message: Extract<Message, { role: 'assistant' }>,
  functionId: string
): Extract<ChatMessage, { role: 'assistant' }> {
  const calls = [...(message.tool_calls ?? [])]
  if (message.function_call != null) {
    calls.push({ id: functionId, type: 'function', function: message.function_call })
  }
  return {
    role: 'assistant',
    content: message.content == null ? null : joined(message.content),
    ...named(message),
    ...withoutNulls({
      reasoning_content: message.reasoning_content ?? message.reasoning,
      tool_calls: calls.length === 0 ? undefined : calls
    })
  }
}

function functionCallId(number: number): string {
  return `call_function_${number}`
}

function named(message: { name?: string | null | undefined }): { name?: string } {
  return withoutNulls({ name: message.name })
}

function toUserContent(
  parts: Extract<Message, { role: 'user' }>['content']
): Extract<ChatMessage, { role: 'user' }>['content'] {
  if (parts.every((part) => part.type === 'text')) return joined(parts)
  return parts.map((part) =>
    part.type === 'text'
      ? { type: part.type, text: part.text }
      : {
          type: part.type,
          image_url: { url: part.image_url.url, ...withoutNulls({ detail: part.image_url.detail }) }
        }
  )
}

function joined(parts: (z.infer<typeof textPart> | z.infer<typeof refusalPart>)[]): string {
  return parts.map((part) => (part.type === 'text' ? part.text : part.refusal)).join('')
}
