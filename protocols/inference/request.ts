import { z } from 'zod'

/** Longest model name, in characters. */
export const MAX_MODEL_NAME_LENGTH = 256

const text = z.string()
const modelName = z.string().min(1).max(MAX_MODEL_NAME_LENGTH)

const contentPart = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text }),
  z.object({
    type: z.literal('image_url'),
    image_url: z.object({ url: text, detail: z.enum(['auto', 'low', 'high']).optional() })
  })
])

const toolCall = z.object({
  id: text,
  type: z.literal('function'),
  function: z.object({ name: text, arguments: text })
})

const message = z.discriminatedUnion('role', [
  z.object({ role: z.literal('system'), content: text, name: text.optional() }),
  z.object({
    role: z.literal('user'),
    content: z.union([text, z.array(contentPart).min(1)]),
    name: text.optional()
  }),
  z.object({
    role: z.literal('assistant'),
    content: text.nullable().optional(),
    reasoning_content: text.optional(),
    name: text.optional(),
    tool_calls: z.array(toolCall).min(1).optional()
  }),
  z.object({ role: z.literal('tool'), content: text, tool_call_id: text })
])

const tool = z.object({
  type: z.literal('function'),
  function: z.object({
    name: z.string().min(1).max(256),
    description: text.optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
    strict: z.boolean().nullable().optional()
  })
})

const schema = z.record(z.string(), z.unknown())

const namedSchema = z.object({
  name: text.default('answer'),
  description: text.optional(),
  schema,
  strict: z.boolean().nullable().optional()
})

/** OpenAI's forms, and those of llama.cpp and vLLM, which put a schema beside the type: it is never dropped. */
const responseFormat = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z
    .object({ type: z.literal('json_object'), schema: schema.nullish() })
    .transform((format) => (format.schema ? bySchema(format.schema) : { type: 'json_object' as const })),
  z
    .object({
      type: z.literal('json_schema'),
      json_schema: namedSchema.optional(),
      schema: schema.optional()
    })
    .transform((format, context) => {
      if (format.json_schema !== undefined) return { type: format.type, json_schema: format.json_schema }
      if (format.schema !== undefined) return bySchema(format.schema)
      context.addIssue({ code: 'custom', path: ['json_schema'], message: 'json_schema is missing' })
      return z.NEVER
    })
])

function bySchema(schema: Record<string, unknown>): {
  type: 'json_schema'
  json_schema: z.infer<typeof namedSchema>
} {
  return { type: 'json_schema', json_schema: { name: 'answer', schema } }
}

const count = z.number().int().min(1)

const sampling = {
  max_tokens: count.optional(),
  /** Up to 2 by OpenAI's API; Ollama's sets no limit. */
  temperature: z.number().min(0).max(100).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.number().int().min(0).optional(),
  min_p: z.number().min(0).max(1).optional(),
  seed: z.number().int().optional(),
  stop: z.array(z.string().min(1)).max(16).optional(),
  /** Up to 2 either way by OpenAI's API; Ollama's sets no limit. */
  presence_penalty: z.number().min(-100).max(100).optional(),
  frequency_penalty: z.number().min(-100).max(100).optional(),
  logit_bias: z.record(z.string(), z.number().min(-100).max(100)).optional(),
  top_logprobs: z.number().int().min(0).max(20).optional()
}

/** A chat, in OpenAI's terms; `logprobs` is said by `top_logprobs` (0 and up). */
export const chatRequest = z.object({
  kind: z.literal('chat'),
  model: modelName,
  messages: z.array(message).min(1),
  tools: z.array(tool).min(1).optional(),
  tool_choice: z
    .union([
      z.enum(['none', 'auto', 'required']),
      z.object({ type: z.literal('function'), function: z.object({ name: text }) })
    ])
    .optional(),
  parallel_tool_calls: z.boolean().optional(),
  response_format: responseFormat.optional(),
  reasoning_effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']).optional(),
  /** Whether a trailing assistant message is to be continued instead of answered. */
  continue_final_message: z.boolean().optional(),
  ...sampling
})

/** Text to be continued as it stands, without a chat template. */
export const completionRequest = z.object({
  kind: z.literal('completion'),
  model: modelName,
  prompt: text,
  suffix: text.optional(),
  ...sampling
})

/** Texts to be embedded, each into one vector. */
export const embeddingRequest = z.object({
  kind: z.literal('embedding'),
  model: modelName,
  input: z.array(z.string().min(1)).min(1).max(2048),
  dimensions: count.optional(),
  /** Cuts an input that is longer than the model's context, where the engine can, instead of refusing it. */
  truncate: z.boolean().optional()
})

/** A request from a consumer to a contributor, and from a contributor to its engine. */
export const inferenceRequest = z.discriminatedUnion('kind', [
  chatRequest,
  completionRequest,
  embeddingRequest
])

export type ChatRequest = z.infer<typeof chatRequest>
export type ChatMessage = z.infer<typeof message>
export type ChatTool = z.infer<typeof tool>
export type CompletionRequest = z.infer<typeof completionRequest>
export type EmbeddingRequest = z.infer<typeof embeddingRequest>
export type InferenceRequest = z.infer<typeof inferenceRequest>
/** The requests that are answered token by token. */
export type GenerateRequest = ChatRequest | CompletionRequest
