import { z } from 'zod'
import type { ChatMessage } from '../../protocols/inference/index.ts'
import { imageUrl } from './images.ts'
import { withoutNulls } from './sampling.ts'

const text = z.string()

const textPart = z.object({ type: z.literal(['input_text', 'output_text', 'text']), text })
const refusalPart = z.object({ type: z.literal('refusal'), refusal: text })
const imagePart = z.object({
  type: z.literal('input_image'),
  image_url: imageUrl,
  detail: z.enum(['auto', 'low', 'high']).nullish()
})
const part = z.discriminatedUnion('type', [textPart, refusalPart, imagePart])
type Part = z.infer<typeof part>

const parts = z.preprocess(
  (value) => (typeof value === 'string' ? [{ type: 'input_text', text: value }] : value),
  z.array(part)
)

const item = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('message'),
    role: z.enum(['user', 'assistant', 'system', 'developer']),
    content: parts
  }),
  z.object({ type: z.literal('function_call'), call_id: text, name: text, arguments: text }),
  z.object({ type: z.literal('function_call_output'), call_id: text, output: parts }),
  z.object({
    type: z.literal('reasoning'),
    summary: z.array(z.object({ text })).nullish(),
    content: z.array(z.object({ text })).nullish()
  })
])

/** What a response is asked to: one text, or items; a message may leave its type out. */
export const responseInput = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? [{ type: 'message', role: 'user', content: value }]
      : Array.isArray(value)
        ? value.map(typed)
        : value,
  z.array(item).min(1)
)
type Item = z.infer<typeof item>
type Assistant = Extract<ChatMessage, { role: 'assistant' }>

/** The messages that items stand for: what a model said, thought and called is one message. */
export function toChatMessages(items: Item[]): ChatMessage[] {
  const messages: ChatMessage[] = []
  let said: Assistant | undefined
  const assistant = (): Assistant => {
    if (said === undefined) messages.push((said = { role: 'assistant', content: null }))
    return said
  }
  for (const item of items) {
    if (item.type === 'reasoning') {
      const thought = (item.content?.length ? item.content : (item.summary ?? [])).map(({ text }) => text)
      const message = assistant()
      message.reasoning_content = (message.reasoning_content ?? '') + thought.join('')
    } else if (item.type === 'function_call') {
      const call = { name: item.name, arguments: item.arguments }
      ;(assistant().tool_calls ??= []).push({ id: item.call_id, type: 'function', function: call })
    } else if (item.type === 'message' && item.role === 'assistant') {
      // A text after a call is a new turn: a message has its text first.
      if (said?.tool_calls !== undefined || said?.content != null) said = undefined
      assistant().content = joined(item.content)
    } else {
      said = undefined
      messages.push(...toOthers(item))
    }
  }
  return messages
}

function toOthers(item: Extract<Item, { type: 'message' | 'function_call_output' }>): ChatMessage[] {
  if (item.type === 'function_call_output') {
    const result: ChatMessage = { role: 'tool', content: joined(item.output), tool_call_id: item.call_id }
    // A tool's answer is text; its images are shown by the user.
    const images = item.output.filter((part) => part.type === 'input_image')
    return images.length === 0 ? [result] : [result, { role: 'user', content: images.map(toImage) }]
  }
  if (item.role !== 'user') return [{ role: 'system', content: joined(item.content) }]
  if (item.content.every((part) => part.type !== 'input_image')) {
    return [{ role: 'user', content: joined(item.content) }]
  }
  const content = item.content.map((part) =>
    part.type === 'input_image' ? toImage(part) : { type: 'text' as const, text: joined([part]) }
  )
  return [{ role: 'user', content }]
}

function toImage({ image_url: url, detail }: z.infer<typeof imagePart>): {
  type: 'image_url'
  image_url: { url: string; detail?: 'auto' | 'low' | 'high' }
} {
  return { type: 'image_url', image_url: { url, ...withoutNulls({ detail }) } }
}

function joined(parts: Part[]): string {
  return parts
    .map((part) => (part.type === 'input_image' ? '' : part.type === 'refusal' ? part.refusal : part.text))
    .join('')
}

function typed(value: unknown): unknown {
  const isMessage = typeof value === 'object' && value !== null && !('type' in value) && 'role' in value
  return isMessage ? { type: 'message', ...value } : value
}
