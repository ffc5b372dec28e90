import { z } from 'zod'
import { EngineFailedError } from '../../../protocols/errors.ts'
import type { EmbeddingResult } from '../engine.ts'
import { SERVER } from './errors.ts'

const count = z.number().min(0).nullish().catch(null)

/** Some servers answer base64 whatever was asked, and older ones a list around the vector. */
const vector = z.union([
  z.array(z.number()).transform((values) => Float32Array.from(values)),
  z
    .array(z.array(z.number()))
    .length(1)
    .transform(([values]) => Float32Array.from(values ?? [])),
  z.base64().transform(decoded)
])
const entry = z.object({ index: z.number().int().min(0).nullish().catch(null), embedding: vector })
const answer = z.object({
  data: z.array(entry),
  usage: z.object({ prompt_tokens: count, total_tokens: count }).nullish().catch(null)
})

/**
 * The vectors of an answer, in the order of the `count` inputs. Servers that tell no number of tokens, or 0, which no
 * input has, are counted by `estimate`. Throws EngineFailedError where there is not one vector for each input.
 */
export function readEmbeddings(document: unknown, count: number, estimate: () => number): EmbeddingResult {
  const { success, data: read } = answer.safeParse(document)
  if (!success)
    throw new EngineFailedError(`${SERVER} answered /v1/embeddings with something other than vectors`)
  const vectors = new Map(read.data.map(({ index, embedding }, place) => [index ?? place, embedding]))
  const ordered = Array.from({ length: count }, (_, place) => vectors.get(place))
  const whole = ordered.filter((one) => one !== undefined)
  if (whole.length !== count || read.data.length !== count) {
    throw new EngineFailedError(`${SERVER} gave ${read.data.length} vectors for ${count} inputs`)
  }
  const tokens = Math.floor(read.usage?.prompt_tokens ?? read.usage?.total_tokens ?? 0)
  return { vectors: whole, promptTokens: tokens === 0 ? estimate() : tokens }
}

function decoded(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Float32Array.from({ length: Math.floor(bytes.length / 4) }, (_, place) =>
    view.getFloat32(place * 4, true)
  )
}
