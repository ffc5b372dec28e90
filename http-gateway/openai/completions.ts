import { z } from 'zod'
import { BadRequestError, UnsupportedParameterError } from '../../protocols/errors.ts'
import { completionRequest, type CompletionRequest } from '../../protocols/inference/index.ts'
import { documentAnswer, streamAnswer } from '../answer/deliver.ts'
import { SERVER_SENT_EVENTS } from '../answer/stream-kind.ts'
import { route } from '../route.ts'
import { formatFields, toResponseFormat } from './response-format.ts'
import { inChoices, MAX_CHOICES } from './choices.ts'
import { CompletionChunks, CompletionDocument } from './completion-formats.ts'
import { samplingFields, toSampling, withoutNulls } from './sampling.ts'
import { texts } from './texts.ts'

/** Most choices of one request, all its prompts together: each is an order of its own. */
const MAX_ORDERS = 32

const contract = completionRequest.shape

/** The body of `POST /v1/completions`. Fields that are not named here are ignored. */
export const completionBody = z.object({
  ...samplingFields,
  model: contract.model,
  prompt: texts(z.array(contract.prompt).min(1).max(MAX_ORDERS)),
  suffix: contract.suffix.nullable(),
  echo: z.boolean().nullish(),
  n: z.number().int().min(1).max(MAX_CHOICES).nullish(),
  best_of: z.number().int().nullish(),
  logprobs: z.number().int().min(0).max(5).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  ...formatFields
})
type CompletionBody = z.infer<typeof completionBody>

/** `POST /v1/completions`. */
export const completions = route({
  method: 'POST',
  path: '/v1/completions',
  summary: 'Create a completion',
  body: completionBody,
  stream: SERVER_SENT_EVENTS.contentType,
  handle(context, { body, reply }) {
    const choices = body.n ?? 1
    const requests = inChoices(toCompletionRequests(body), choices)
    const echoes = requests.map((_, choice) =>
      body.echo === true ? (body.prompt[Math.floor(choice / choices)] ?? '') : ''
    )
    if (body.stream !== true) return documentAnswer(context, reply, requests, new CompletionDocument(echoes))
    const includeUsage = body.stream_options?.include_usage === true
    return streamAnswer(
      context,
      reply,
      requests,
      (model) => new CompletionChunks(model, echoes, includeUsage)
    )
  }
})

/** A request for each prompt. Throws BadRequestError naming what cannot be had. */
export function toCompletionRequests(body: CompletionBody): [CompletionRequest, ...CompletionRequest[]] {
  const { model, prompt, suffix, echo, logprobs } = body
  const choices = body.n ?? 1
  if (prompt.length * choices > MAX_ORDERS) {
    throw new BadRequestError(`prompt times n is more than ${MAX_ORDERS}`, { param: 'prompt' })
  }
  if ((body.best_of ?? choices) !== choices) {
    throw new BadRequestError('best_of is not supported: leave it out, or make it n', { param: 'best_of' })
  }
  if (echo === true && logprobs != null) {
    throw new BadRequestError('logprobs of an echoed prompt are not known', { param: 'logprobs' })
  }
  if ((toResponseFormat(body)?.type ?? 'text') !== 'text') {
    throw new UnsupportedParameterError('A completion follows no schema: ask /v1/chat/completions for it', {
      param: 'response_format'
    })
  }
  const rest = { ...toSampling(body), ...withoutNulls({ suffix, top_logprobs: logprobs }) }
  const requests = prompt.map((text): CompletionRequest => ({
    kind: 'completion',
    model,
    prompt: text,
    ...rest
  }))
  return requests as [CompletionRequest, ...CompletionRequest[]]
}
