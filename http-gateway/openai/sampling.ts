import { z } from 'zod'
import { BadRequestError } from '../../protocols/errors.ts'
import { chatRequest, type GenerateRequest } from '../../protocols/inference/index.ts'

const contract = chatRequest.shape

/** One stop text or several; null means none. */
export const stopTexts = z.preprocess(toStopList, contract.stop.nullable())

/** A limit of tokens; -1, as vLLM and LM Studio have it, is none. */
export const maxTokens = z.preprocess(
  (value) => (value === -1 ? undefined : value),
  contract.max_tokens.nullable()
)

/** How many tokens to draw from; -1, as vLLM has it, is all. */
const topK = z.preprocess((value) => (value === -1 ? undefined : value), contract.top_k.nullable())

const penalty = z.number().min(-2).max(2).nullish()

/** The fields about how tokens are drawn, as OpenAI's clients send them: null means that it is left out. */
export const samplingFields = {
  max_tokens: maxTokens,
  max_completion_tokens: maxTokens,
  temperature: z.number().min(0).max(2).nullish(),
  top_p: contract.top_p.nullable(),
  top_k: topK,
  min_p: contract.min_p.nullable(),
  seed: contract.seed.nullable(),
  stop: stopTexts,
  presence_penalty: penalty,
  frequency_penalty: penalty,
  logit_bias: contract.logit_bias.nullable()
}

type SamplingBody = z.infer<z.ZodObject<typeof samplingFields>>
type Sampling = Pick<GenerateRequest, Exclude<keyof typeof samplingFields, 'max_completion_tokens'>>

/** The same fields, as a request has them. */
export function toSampling(fields: SamplingBody): Sampling {
  return withoutNulls({
    max_tokens: fields.max_completion_tokens ?? fields.max_tokens,
    temperature: fields.temperature,
    top_p: fields.top_p,
    top_k: fields.top_k,
    min_p: fields.min_p,
    seed: fields.seed,
    stop: fields.stop?.length === 0 ? undefined : fields.stop,
    presence_penalty: fields.presence_penalty,
    frequency_penalty: fields.frequency_penalty,
    logit_bias: fields.logit_bias
  })
}

/** A chat's `logprobs` and `top_logprobs`, as the one field of a request. */
export function toTopLogprobs(
  logprobs: boolean | null | undefined,
  top: number | null | undefined
): number | undefined {
  if (logprobs === true) return top ?? 0
  if (top == null || top === 0) return undefined
  throw new BadRequestError('top_logprobs needs logprobs to be true', { param: 'top_logprobs' })
}

/** An object without the fields that are null or undefined. */
export function withoutNulls<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> }
}

/** One stop text or several; empty ones, which would stop nothing or everything, are left out. */
function toStopList(value: unknown): unknown {
  if (typeof value === 'string') return value === '' ? undefined : [value]
  return Array.isArray(value) ? value.filter((text) => text !== '') : value
}
