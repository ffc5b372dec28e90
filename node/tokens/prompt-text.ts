import type { ChatMessage, ChatRequest, InferenceRequest } from '../../protocols/index.ts'
import { chunksOf } from './chunks.ts'
import {
  CALL_TOKENS,
  EMBEDDING_FACTOR,
  FAMILY_FACTOR,
  IMAGE_TOKENS,
  MARKER_TOKENS,
  MESSAGE_TOKENS,
  TEMPLATE_TOKENS,
  TOOLS_TOKENS,
  TOOL_TOKENS
} from './constants.ts'
import { certainTokens } from './piece-count.ts'
import type { TokenCounter } from './token-counter.ts'

/** Longest prompt that is counted on the main thread first, in UTF-16 units. */
const CHEAP_LENGTH = 32_768

/** What an engine reads: the texts, and the tokens that are beside them. */
interface Reading {
  texts: string[]
  beside: number
  /** How many more tokens than the count of its text a prompt can have. */
  factor: number
}

/** The most prompt tokens that a request can have, or `wanted` where it surely has as many. */
export async function mostPromptTokens(
  request: InferenceRequest,
  wanted: number,
  counter: TokenCounter
): Promise<number> {
  const { texts, beside, factor } = reading(request)
  const total = (counts: number[]): number =>
    Math.ceil(beside + factor * counts.reduce((all, count) => all + count, 0))
  if (beside >= wanted) return Math.ceil(beside)
  const chunks = texts.flatMap(chunksOf)
  if (texts.reduce((length, text) => length + text.length, 0) <= CHEAP_LENGTH) {
    const certain = total(chunks.map(certainTokens))
    if (certain >= wanted) return certain
  }
  return total(await counter.most(chunks))
}

function reading(request: InferenceRequest): Reading {
  switch (request.kind) {
    case 'embedding': {
      const { input } = request
      return { texts: input, beside: input.length * MARKER_TOKENS, factor: EMBEDDING_FACTOR / FAMILY_FACTOR }
    }
    case 'completion':
      return { texts: [request.prompt, request.suffix ?? ''], beside: MARKER_TOKENS, factor: 1 }
    case 'chat':
      return chatReading(request)
  }
}

function chatReading({ messages, tools = [], response_format }: ChatRequest): Reading {
  const texts = messages.flatMap(messageTexts)
  // Templates write a tool's JSON as they please: indented by four is the longest.
  for (const tool of tools) texts.push(JSON.stringify(tool, null, 4))
  if (response_format?.type === 'json_schema') texts.push(JSON.stringify(response_format, null, 4))
  let beside = TEMPLATE_TOKENS + messages.length * MESSAGE_TOKENS
  if (tools.length > 0) beside += TOOLS_TOKENS + tools.length * TOOL_TOKENS
  for (const message of messages) {
    if (message.role === 'assistant') beside += (message.tool_calls?.length ?? 0) * CALL_TOKENS
    if (!Array.isArray(message.content)) continue
    beside += IMAGE_TOKENS * message.content.filter(({ type }) => type === 'image_url').length
  }
  return { texts, beside, factor: 1 }
}

function messageTexts(message: ChatMessage): string[] {
  const { content } = message
  const texts = typeof content === 'string' ? [content] : []
  if (Array.isArray(content)) for (const part of content) if (part.type === 'text') texts.push(part.text)
  if ('name' in message && message.name !== undefined) texts.push(message.name)
  if (message.role !== 'assistant') return texts
  if (message.reasoning_content !== undefined) texts.push(message.reasoning_content)
  for (const call of message.tool_calls ?? []) texts.push(call.function.name, call.function.arguments)
  return texts
}
