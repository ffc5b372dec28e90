import type { ChatRequest } from '../../protocols/inference/index.ts'

/** Bytes per token, roughly, in most languages and models. */
const BYTES_PER_TOKEN = 4
/** Tokens that a template adds to each message. */
const TOKENS_PER_MESSAGE = 4
/** Tokens of an image of common size. */
const TOKENS_PER_IMAGE = 1_024

/** About how many tokens a prompt has: only the model that answers could tell, and it is not asked. */
export function estimateTokens({ messages, tools = [] }: Pick<ChatRequest, 'messages' | 'tools'>): number {
  let images = 0
  const text = JSON.stringify([messages, tools], (key, value: unknown) => {
    if (key !== 'image_url') return value
    images++
    return undefined
  })
  return (
    Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN) +
    messages.length * TOKENS_PER_MESSAGE +
    images * TOKENS_PER_IMAGE
  )
}
