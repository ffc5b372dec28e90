import type { InferenceRequest } from '../../../protocols/index.ts'

/** Bytes of a request document that a prompt token stands for: fewer than usual, so that the engine seldom counts more. */
const TOKEN_BYTES = 3

/** Prompt tokens that an image has with most vision models, at most. */
const IMAGE_TOKENS = 2048

/**
 * Prompt tokens that an order reserves before its engine has counted them. An engine that counts more reserves the rest,
 * or does not bill it.
 */
export function expectedPromptTokens(request: InferenceRequest, documentBytes: number): number {
  let [textBytes, images] = [documentBytes, 0]
  const messages = request.kind === 'chat' ? request.messages : []
  for (const { content } of messages) {
    if (!Array.isArray(content)) continue
    for (const part of content) {
      if (part.type !== 'image_url') continue
      textBytes -= part.image_url.url.length
      images++
    }
  }
  return Math.ceil(textBytes / TOKEN_BYTES) + images * IMAGE_TOKENS
}
