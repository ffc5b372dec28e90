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
import { digitsOf, withBeside } from './beside.ts'
import { certainTokens } from './piece-count.ts'
import type { TokenCounter } from './token-counter.ts'

/** Longest prompt that is counted on the main thread first, in UTF-16 units. */
const CHEAP_LENGTH = 32_768

/** Where indented JSON has its line feeds. */
const LINES = /[,{}[\]]/g

/** The input of an engine: the texts, the tokens beside them, and those of images. */
interface Reading {
  texts: string[]
  beside: number
  images: number
  /** How many more tokens than the count of its text a prompt can have. */
  factor: number
}

/** The most prompt tokens that a request can have, or `wanted` where it surely has as many. */
export async function mostPromptTokens(
  request: InferenceRequest,
  wanted: number,
  counter: TokenCounter
): Promise<number> {
  const { texts, beside, images, factor } = reading(request)
  if (images + beside >= wanted) return images + beside
  const digits = sum(texts.map(digitsOf))
  const total = (counts: number[]): number =>
    images + withBeside({ tokens: factor * sum(counts), digits }, beside)
  const chunks = texts.flatMap(chunksOf)
  if (sum(texts.map(({ length }) => length)) <= CHEAP_LENGTH) {
    const certain = total(chunks.map(certainTokens))
    if (certain >= wanted) return certain
  }
  return total(await counter.most(chunks))
}

function reading(request: InferenceRequest): Reading {
  switch (request.kind) {
    case 'embedding': {
      const { input } = request
      return {
        texts: input,
        beside: input.length * MARKER_TOKENS,
        images: 0,
        factor: EMBEDDING_FACTOR / FAMILY_FACTOR
      }
    }
    case 'completion':
      return { texts: [request.prompt, request.suffix ?? ''], beside: MARKER_TOKENS, images: 0, factor: 1 }
    case 'chat':
      return chatReading(request)
  }
}

function chatReading({ messages, tools = [], response_format }: ChatRequest): Reading {
  const texts = messages.flatMap(messageTexts)
  const documents = tools.map((tool) => JSON.stringify(tool))
  if (response_format?.type === 'json_schema') documents.push(JSON.stringify(response_format))
  let images = 0
  let beside = TEMPLATE_TOKENS + messages.length * MESSAGE_TOKENS
  // Templates write JSON as they please: indented, each line is a token more.
  for (const json of documents) beside += json.match(LINES)?.length ?? 0
  if (tools.length > 0) beside += TOOLS_TOKENS + tools.length * TOOL_TOKENS
  for (const message of messages) {
    if (message.role === 'assistant') beside += (message.tool_calls?.length ?? 0) * CALL_TOKENS
    if (!Array.isArray(message.content)) continue
    images += IMAGE_TOKENS * message.content.filter(({ type }) => type === 'image_url').length
  }
  return { texts: [...texts, ...documents], beside, images, factor: 1 }
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

function sum(values: number[]): number {
  return values.reduce((all, value) => all + value, 0)
}
