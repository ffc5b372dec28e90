import { Readable } from 'node:stream'
import { z } from 'zod'
import { BadRequestError } from '../../protocols/errors.ts'
import { JSON_LINES } from '../answer/stream-kind.ts'
import { servedBy } from '../model-names.ts'
import { route } from '../route.ts'

const pullBody = z.object({
  model: z.string().nullish(),
  /** The older name of the field. */
  name: z.string().nullish(),
  stream: z.boolean().nullish()
})

/** Ollama's answer for a model that is already there. */
const STEPS = ['pulling manifest', 'verifying sha256 digest', 'writing manifest', 'success']

/** Ollama's `POST /api/pull`: a model that is served is there; a mesh fetches no other. */
export const pull = route({
  method: 'POST',
  path: '/api/pull',
  summary: 'Succeed for a model that is available; nothing is downloaded',
  body: pullBody,
  stream: JSON_LINES.contentType,
  handle({ components }, { body: { model, name, stream }, reply }) {
    const wanted = model || name
    if (!wanted) throw new BadRequestError('Missing required parameter: model', { param: 'model' })
    servedBy(components.consumer, wanted)
    if (stream === false) return { status: 'success' }
    reply.type(JSON_LINES.contentType)
    return reply.send(Readable.from(STEPS.map((status) => `${JSON.stringify({ status })}\n`)))
  }
})
