import { z } from 'zod'
import { chatRequest, type ChatRequest, type GenerateRequest } from '../../protocols/inference/index.ts'
import { stopTexts, withoutNulls } from '../openai/sampling.ts'

const contract = chatRequest.shape

/** A whole number as Ollama reads one: fractions are cut off. */
const whole = z.number().transform((value) => Math.trunc(value))
/** Seeds of 64 bits lose their last digits in JSON; one that is too large is folded, always to the same. */
const seed = whole.transform((value) => (Number.isSafeInteger(value) ? value : Math.abs(value) % 2 ** 31))

/** Ollama's `options`, as far as a mesh can see to them; others, such as `num_ctx`, are ignored. */
export const options = z
  .object({
    num_predict: whole.nullish(),
    temperature: contract.temperature.nullable(),
    top_k: whole.nullish(),
    top_p: contract.top_p.nullable(),
    min_p: contract.min_p.nullable(),
    seed: seed.nullish(),
    stop: stopTexts,
    presence_penalty: contract.presence_penalty.nullable(),
    frequency_penalty: contract.frequency_penalty.nullable()
  })
  .nullish()

/** Fields of both `/api/generate` and `/api/chat`. */
export const generation = {
  model: contract.model,
  options,
  format: z.union([z.literal(['', 'json']), z.record(z.string(), z.unknown())]).nullish(),
  think: z.union([z.boolean(), z.literal(['low', 'medium', 'high', 'max'])]).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: contract.top_logprobs.nullable(),
  stream: z.boolean().nullish(),
  keep_alive: z.union([z.string(), z.number()]).nullish()
}
type Generation = z.infer<z.ZodObject<typeof generation>>

/** How tokens are drawn, as a request has it. */
export function toSampling({
  options,
  logprobs,
  top_logprobs: top
}: Generation): Partial<Omit<GenerateRequest, 'kind' | 'model' | 'messages' | 'prompt'>> {
  const { num_predict: limit, seed, top_k: topK, stop, ...rest } = options ?? {}
  return withoutNulls({
    ...rest,
    // Ollama's -1 and -2: no limit, but the context.
    max_tokens: limit != null && limit > 0 ? limit : undefined,
    top_k: topK != null && topK >= 0 ? topK : undefined,
    seed: seed != null && seed >= 0 ? seed : undefined,
    stop: stop?.length === 0 ? undefined : stop,
    top_logprobs: logprobs === true ? (top ?? 0) : undefined
  })
}

/** Fields of `/api/chat` only. */
export function toChatFields({
  format,
  think
}: Generation): Pick<ChatRequest, 'response_format' | 'reasoning_effort'> {
  return withoutNulls({ response_format: toResponseFormat(format), reasoning_effort: toEffort(think) })
}

/** A data URL of an image that Ollama's clients send as bare base64. */
export const image = z.string().transform((data, context) => {
  const type = IMAGE_TYPES.find(([start]) => data.startsWith(start))?.[1]
  if (type !== undefined) return `data:${type};base64,${data}`
  context.addIssue({ code: 'custom', message: 'images must be PNG, JPEG, GIF or WebP, as base64' })
  return z.NEVER
})

/** The first base64 characters of each kind of image. */
const IMAGE_TYPES = [
  ['iVBOR', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['R0lG', 'image/gif'],
  ['UklG', 'image/webp']
] as const

function toResponseFormat(format: Generation['format']): ChatRequest['response_format'] {
  if (format == null || format === '') return undefined
  if (format === 'json') return { type: 'json_object' }
  return { type: 'json_schema', json_schema: { name: 'output', schema: format } }
}

function toEffort(think: Generation['think']): ChatRequest['reasoning_effort'] {
  if (think === false) return 'none'
  if (think === 'max') return 'xhigh'
  return think === true ? 'medium' : (think ?? undefined)
}
