import { MAX_REQUEST_BYTES } from '../framing/constants.ts'
import type { Delta, InferenceRequest, Price } from '../inference/index.ts'

/** Prompt tokens that a chat template may add to a request's own text. */
const TEMPLATE_TOKENS = 1024

/** Completion tokens that leave no text: end of turn, and the markers around reasoning. */
const SILENT_TOKENS = 16

/** Completion tokens around one tool call that leave no text. */
const TOOL_CALL_TOKENS = 32

/** The most prompt tokens that a request of this many bytes can have: a token stands for a byte at least. */
export function plausiblePromptTokens(requestBytes: number): number {
  return requestBytes + TEMPLATE_TOKENS
}

/** The longest request document that an order can be for, in bytes: what {@link plausiblePromptTokens} was given. */
export function orderedRequestBytes({ maxPromptTokens }: { maxPromptTokens: number }): number {
  return Math.min(Math.max(0, maxPromptTokens - TEMPLATE_TOKENS), MAX_REQUEST_BYTES)
}

/** Bytes of text that a prompt token stands for where nobody has counted: twice what is usual, so that none is made up. */
const UNCOUNTED_TOKEN_BYTES = 8

/** Prompt tokens that a request surely has, for as long as its engine has not counted them; images count for none. */
export function certainPromptTokens(request: InferenceRequest): number {
  const bytes = texts(request).reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  return Math.floor(bytes / UNCOUNTED_TOKEN_BYTES)
}

function texts(request: InferenceRequest): string[] {
  if (request.kind === 'embedding') return request.input
  if (request.kind === 'completion') return [request.prompt, request.suffix ?? '']
  return request.messages.flatMap(({ content }) => {
    if (typeof content === 'string') return [content]
    return (content ?? []).map((part) => (part.type === 'text' ? part.text : ''))
  })
}

/** The most completion tokens that an answer with this many bytes of text can have. */
export function plausibleCompletionTokens(textBytes: number): number {
  return textBytes + SILENT_TOKENS
}

/** How many bytes of text a delta delivers, tool calls' markers counted in; vectors deliver none. */
export function textBytes(delta: Delta): number {
  let bytes = Buffer.byteLength(delta.content ?? '') + Buffer.byteLength(delta.reasoning ?? '')
  for (const call of delta.toolCalls ?? []) {
    bytes += Buffer.byteLength(call.name ?? '') + Buffer.byteLength(call.arguments ?? '')
    if (call.name !== undefined && call.name !== '') bytes += TOOL_CALL_TOKENS
  }
  return bytes
}

/** Whether a delta delivers text or vectors: one that does not bills nothing. */
export function carriesAnything(delta: Delta): boolean {
  return textBytes(delta) > 0 || (delta.embeddings ?? []).length > 0
}

/** The cost of tokens in micro-credits; undefined if JSON cannot represent it exactly. */
export function cost(price: Price, promptTokens: number, completionTokens: number): number | undefined {
  const credits =
    BigInt(price.prompt) * BigInt(promptTokens) + BigInt(price.completion) * BigInt(completionTokens)
  return credits <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(credits) : undefined
}
