import { z } from 'zod'
import type { ChatMessage } from '../../protocols/inference/index.ts'
import { item, type Step } from './responses-items.ts'
import type { Part } from './responses-parts.ts'
import type { ResponsesTool } from './responses-tools.ts'
import { withoutNulls } from './sampling.ts'

/** The input of a response: one text, or items. */
export const responseInput = z.preprocess(
  (value) => (typeof value === 'string' ? [{ type: 'message', role: 'user', content: value }] : value),
  z.array(item).min(1)
)
type Input = z.infer<typeof responseInput>
type Assistant = Extract<ChatMessage, { role: 'assistant' }>
type UserPart = Exclude<Extract<ChatMessage, { role: 'user' }>['content'], string>[number]

/** The input with the items that it refers to by their ids; those that are not known any more say nothing. */
export function withReferred(input: Input, find: (id: string) => unknown): Input {
  return input.map((steps) =>
    steps.flatMap((step) => (step.kind === 'reference' ? (item.safeParse(find(step.id)).data ?? []) : [step]))
  )
}

/** The tools that items offer besides those of the request. */
export function offeredTools(input: Input): ResponsesTool[] {
  return input.flat().flatMap((step) => (step.kind === 'tools' ? step.tools : []))
}

/** The messages that items stand for: what a model said, thought and called is one message. */
export function toChatMessages(input: Input): ChatMessage[] {
  const messages: ChatMessage[] = []
  let said: Assistant | undefined
  const assistant = (): Assistant => {
    if (said === undefined) messages.push((said = { role: 'assistant', content: null }))
    return said
  }
  for (const step of input.flat()) {
    if (step.kind === 'tools' || step.kind === 'reference') continue
    if (step.kind === 'thought') {
      const message = assistant()
      message.reasoning_content = (message.reasoning_content ?? '') + step.text
    } else if (step.kind === 'call') {
      const call = { name: step.name, arguments: step.arguments }
      ;(assistant().tool_calls ??= []).push({ id: step.id, type: 'function', function: call })
    } else if (step.kind === 'message' && step.role === 'assistant') {
      // A text after a call is a new turn: a message has its text first.
      if (said?.tool_calls !== undefined || said?.content != null) said = undefined
      assistant().content = joined(step.content)
    } else {
      said = undefined
      messages.push(...toOthers(step))
    }
  }
  return messages
}

function toOthers(step: Extract<Step, { kind: 'message' | 'result' }>): ChatMessage[] {
  if (step.kind === 'result') {
    const result: ChatMessage = { role: 'tool', content: joined(step.output), tool_call_id: step.id }
    // A tool's answer is text; the user shows its images.
    const images = step.output.flatMap((part) => ('image_url' in part ? [toImage(part)] : []))
    return images.length === 0 ? [result] : [result, { role: 'user', content: images }]
  }
  if (step.role !== 'user') return [{ role: 'system', content: joined(step.content) }]
  if (step.content.every((part) => !('image_url' in part))) {
    return [{ role: 'user', content: joined(step.content) }]
  }
  const content = step.content.map((part): UserPart =>
    'image_url' in part ? toImage(part) : { type: 'text', text: joined([part]) }
  )
  return [{ role: 'user', content }]
}

function toImage({ image_url: url, detail }: Extract<Part, { image_url: string }>): UserPart {
  return { type: 'image_url', image_url: { url, ...withoutNulls({ detail }) } }
}

function joined(parts: Part[]): string {
  return parts
    .map((part) => ('image_url' in part ? '' : 'refusal' in part ? part.refusal : part.text))
    .join('')
}
