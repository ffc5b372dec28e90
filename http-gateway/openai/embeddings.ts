import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { embeddingRequest } from '../../protocols/inference/index.ts'
import { documentAnswer, type DocumentFormat } from '../answer/deliver.ts'
import { EmbeddingVectors } from '../answer/embedding-vectors.ts'
import type { GatewayContext } from '../context.ts'
import { parse } from '../parse.ts'
import { withoutNulls } from './sampling.ts'
import { texts } from './texts.ts'

const contract = embeddingRequest.shape

export const body = z.object({
  model: contract.model,
  input: texts(contract.input),
  dimensions: contract.dimensions.nullable(),
  encoding_format: z.enum(['float', 'base64']).nullish()
})

/** `POST /v1/embeddings`. */
export function embeddings(app: FastifyInstance, context: GatewayContext, done: () => void): void {
  app.post('/v1/embeddings', (request, reply) => {
    const { model, input, dimensions, encoding_format: encoding } = parse(body, request.body)
    const asked = { kind: 'embedding' as const, model, input, ...withoutNulls({ dimensions }) }
    return documentAnswer(context, reply, [asked], listFormat(input.length, encoding ?? 'float'))
  })
  done()
}

function listFormat(inputs: number, encoding: 'float' | 'base64'): DocumentFormat {
  const vectors = new EmbeddingVectors(inputs)
  return {
    delta: (delta) => vectors.add(delta),
    end: ([{ usage }], model) => ({
      object: 'list',
      data: vectors[encoding]().map((embedding, index) => ({ object: 'embedding', index, embedding })),
      model,
      usage: { prompt_tokens: usage.promptTokens, total_tokens: usage.promptTokens }
    })
  }
}
