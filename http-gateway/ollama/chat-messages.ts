import { z } from 'zod'
import type { ChatMessage } from '../../protocols/inference/index.ts'
import { image } from './fields.ts'

const text = z.string()

/** One message of `/api/chat`. */
export const ollamaMessage = z.object({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  // To Ollama null is the same as nothing; clients send it beside tool calls.
  content: text.nullish().transform((content) => content ?? ''),
  thinking: text.nullish(),
  images: z.array(image).nullish(),
  tool_calls: z
    .array(
      z.object({
        id: text.nullish(),
        function: z.object({ name: text, arguments: z.record(z.string(), z.unknown()).nullish() })
      })
    )
    .nullish(),
  tool_name: text.nullish(),
  tool_call_id: text.nullish()
})
type OllamaMessage = z.infer<typeof ollamaMessage>

/**
 * The messages as a request has them. Ollama's calls may have no ids: a result is then that of the oldest
 * call, of its tool's name where it has one, that has no result yet.
 */
export function toChatMessages(messages: OllamaMessage[]): ChatMessage[] {
  const waiting: { id: string; name: string }[] = []
  let calls = 0
  return messages.map((message): ChatMessage => {
    switch (message.role) {
      case 'system':
        return { role: 'system', content: message.content }
      case 'user':
        return { role: 'user', content: toUserContent(message.content, message.images ?? []) }
      case 'tool': {
        const answered = waiting.findIndex(({ id, name }) =>
          message.tool_call_id == null
            ? message.tool_name == null || message.tool_name === name
            : message.tool_call_id === id
        )
        const [call] = answered < 0 ? [] : waiting.splice(answered, 1)
        const id = call?.id ?? message.tool_call_id ?? `call_${calls++}`
        return { role: 'tool', content: message.content, tool_call_id: id }
      }
      case 'assistant': {
        const made = (message.tool_calls ?? []).map(({ id, function: { name, arguments: given } }) => ({
          id: id ?? `call_${calls++}`,
          type: 'function' as const,
          function: { name, arguments: JSON.stringify(given ?? {}) }
        }))
        waiting.push(...made.map(({ id, function: { name } }) => ({ id, name })))
        return {
          role: 'assistant',
          content: message.content,
          ...(message.thinking ? { reasoning_content: message.thinking } : {}),
          ...(made.length === 0 ? {} : { tool_calls: made })
        }
      }
    }
  })
}

/** Text, and images given as data URLs, as a user's message has them. */
export function toUserContent(
  content: string,
  images: string[]
): Extract<ChatMessage, { role: 'user' }>['content'] {
  if (images.length === 0) return content
  return [
    ...(content === '' ? [] : [{ type: 'text' as const, text: content }]),
    ...images.map((url) => ({ type: 'image_url' as const, image_url: { url } }))
  ]
}
