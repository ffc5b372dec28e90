import type { ChatMessage, GenerateRequest } from '../../protocols/inference/index.ts'
import { ContextLengthExceededError, UnsupportedParameterError } from '../../protocols/errors.ts'

/** Characters of a token in English text and code, on the high side so that estimates do not refuse wrongly. */
const CHARACTERS_PER_TOKEN = 4.5
/** Tokens that a chat template adds to each message. */
const TOKENS_PER_MESSAGE = 4
/** Minimum cost of one image, in tokens. */
const TOKENS_PER_IMAGE = 256

const IMAGE_DATA_URL = /^data:image\/[a-z0-9.+-]+;base64,([a-z0-9+/]+={0,2})$/i

/** A guess of a prompt's length in tokens, for engines that have no tokenizer to ask. */
export function estimateTokens(request: GenerateRequest): number {
  if (request.kind === 'completion') return tokensOf(request.prompt.length + (request.suffix?.length ?? 0))
  let tokens = request.tools === undefined ? 0 : tokensOf(JSON.stringify(request.tools).length)
  for (const message of request.messages) {
    const images = imagesOf(message).length
    tokens += TOKENS_PER_MESSAGE + TOKENS_PER_IMAGE * images + tokensOf(charactersOf(message))
  }
  return tokens
}

/** The same of texts to be embedded. */
export function estimateInputTokens(input: string[]): number {
  return input.reduce((sum, text) => sum + tokensOf(text.length), 0)
}

/**
 * Throws ContextLengthExceededError when a prompt leaves no room for a single token of an answer. An unknown context
 * refuses nothing.
 */
export function checkContextLength(promptTokens: number, contextLength: number | null): void {
  if (contextLength !== null && promptTokens >= contextLength) {
    throw new ContextLengthExceededError(
      `The prompt has about ${promptTokens} tokens; the model's context holds ${contextLength}`,
      { contextLength }
    )
  }
}

/** The text of a message, its parts joined. */
export function textOf(message: ChatMessage): string {
  const content = message.content ?? ''
  if (typeof content === 'string') return content
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

/** The URLs of a message's images. */
export function imagesOf(message: ChatMessage): string[] {
  if (typeof message.content !== 'object' || message.content === null) return []
  return message.content.flatMap((part) => (part.type === 'image_url' ? [part.image_url.url] : []))
}

/** The base64 text of an image's data URL. Other URLs are refused: an engine must not fetch for a stranger. */
export function imageData(url: string): string {
  const data = IMAGE_DATA_URL.exec(url)?.[1]
  if (data === undefined) {
    throw new UnsupportedParameterError('Images must be base64 data URLs', { param: 'messages' })
  }
  return data
}

function tokensOf(characters: number): number {
  return Math.ceil(characters / CHARACTERS_PER_TOKEN)
}

function charactersOf(message: ChatMessage): number {
  if (message.role !== 'assistant') return textOf(message).length
  const calls = message.tool_calls === undefined ? 0 : JSON.stringify(message.tool_calls).length
  return textOf(message).length + calls
}
