import { z } from 'zod'
import type { ChatMessage } from '../../protocols/inference/index.ts'
import { blocks, textBlock, type ImageBlock } from './blocks.ts'
import { assistantBlocks, userBlocks } from './message-blocks.ts'

/** A system prompt: text, or blocks of it. */
export const systemPrompt = blocks(z.discriminatedUnion('type', [textBlock]))

/** One message; Claude Code puts system prompts among them too. */
export const inputMessage = z.discriminatedUnion('role', [
  z.object({ role: z.literal('user'), content: userBlocks }),
  z.object({ role: z.literal('assistant'), content: assistantBlocks }),
  z.object({ role: z.literal('system'), content: systemPrompt })
])
type InputMessage = z.infer<typeof inputMessage>
type UserBlock = Extract<InputMessage, { role: 'user' }>['content'][number]
type AssistantBlock = Extract<InputMessage, { role: 'assistant' }>['content'][number]
type UserContent = Exclude<Extract<ChatMessage, { role: 'user' }>['content'], string>

/** The messages as a request has them. */
export function toChatMessages(messages: InputMessage[]): ChatMessage[] {
  return messages.flatMap((message): ChatMessage[] => {
    switch (message.role) {
      case 'system':
        return [{ role: 'system', content: joined(message.content) }]
      case 'assistant':
        return toAssistant(message.content)
      case 'user':
        return toUser(message.content)
    }
  })
}

/** The text of blocks. */
export function joined(given: { text: string }[]): string {
  return given.map((block) => block.text).join('\n')
}

function toAssistant(content: AssistantBlock[]): ChatMessage[] {
  const of = <K extends AssistantBlock['type']>(type: K): Extract<AssistantBlock, { type: K }>[] =>
    content.filter((block): block is Extract<AssistantBlock, { type: K }> => block.type === type)
  const texts = of('text')
  const thoughts = of('thinking').map((block) => block.thinking)
  const calls = of('tool_use').map(({ id, name, input }) => ({
    id,
    type: 'function' as const,
    function: { name, arguments: typeof input === 'string' ? input : JSON.stringify(input ?? {}) }
  }))
  // Results of the vendor's tools stand within the message; elsewhere a result follows the call.
  const results = of('result').map(({ id, content: given }): ChatMessage => ({
    role: 'tool',
    content: joined(given),
    tool_call_id: id
  }))
  const said: ChatMessage = {
    role: 'assistant',
    content: texts.length === 0 ? null : joined(texts),
    ...(thoughts.length === 0 ? {} : { reasoning_content: thoughts.join('\n') }),
    ...(calls.length === 0 ? {} : { tool_calls: calls })
  }
  return [said, ...results]
}

/** Results of tools come first: they answer the message before. Their images are shown by the user. */
function toUser(content: UserBlock[]): ChatMessage[] {
  const messages: ChatMessage[] = []
  const shown: UserContent = []
  for (const block of content) {
    if (block.type === 'text') shown.push({ type: 'text', text: block.text })
    else if (block.type === 'image') shown.push(toImage(block))
    else {
      const result = block.content ?? []
      const texts = result.filter((part) => part.type === 'text')
      messages.push({ role: 'tool', content: joined(texts), tool_call_id: block.tool_use_id })
      shown.push(...result.filter((part) => part.type === 'image').map(toImage))
    }
  }
  if (shown.length > 0) messages.push({ role: 'user', content: onlyText(shown) ?? shown })
  return messages
}

function onlyText(content: UserContent): string | undefined {
  const texts = content.filter((part) => part.type === 'text')
  return texts.length === content.length ? joined(texts) : undefined
}

function toImage({ source }: ImageBlock): UserContent[number] {
  return { type: 'image_url', image_url: { url: `data:${source.media_type};base64,${source.data}` } }
}
