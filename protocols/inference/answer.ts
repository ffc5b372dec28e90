import { z } from 'zod'

const tokens = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

/** Why an answer ended; `cancelled` when the consumer asked for it. */
export const finishReason = z.enum(['stop', 'length', 'tool_calls', 'content_filter', 'cancelled'])
export type FinishReason = z.infer<typeof finishReason>

/** Token counts of one answer, cached prompt tokens and reasoning tokens included in the first two. */
export const usage = z.object({
  promptTokens: tokens,
  completionTokens: tokens,
  cachedTokens: tokens.optional(),
  reasoningTokens: tokens.optional()
})
export type Usage = z.infer<typeof usage>

const toolCallDelta = z.object({
  /** Which call of the answer, from 0. */
  index: z.number().int().min(0).max(1023),
  /** With the call's first delta only. */
  id: z.string().max(256).optional(),
  name: z.string().max(256).optional(),
  /** The next piece of the arguments' JSON text. */
  arguments: z.string().optional()
})
export type ToolCallDelta = z.infer<typeof toolCallDelta>

/** Most bytes that a token is told to have. */
export const MAX_TOKEN_BYTES = 64

const tokenLogprob = z.object({
  token: z.string(),
  logprob: z.number(),
  /** Where they are not those of `token`: a token may be a part of a character. */
  bytes: z.array(z.number().int().min(0).max(255)).max(MAX_TOKEN_BYTES).optional()
})
const logprob = tokenLogprob.extend({ top: z.array(tokenLogprob).max(20).optional() })
export type Logprob = z.infer<typeof logprob>

/** The next piece of an answer. */
export const delta = z.object({
  content: z.string().optional(),
  reasoning: z.string().optional(),
  toolCalls: z.array(toolCallDelta).max(128).optional(),
  logprobs: z.array(logprob).max(1024).optional(),
  /** How many completion tokens this piece stands for. */
  tokens: tokens.optional(),
  /** Vectors, for an embedding request: `index` of the input, values as float32 little-endian, base64. */
  embeddings: z
    .array(z.object({ index: z.number().int().min(0).max(2047), vector: z.base64() }))
    .max(2048)
    .optional()
})
export type Delta = z.infer<typeof delta>
