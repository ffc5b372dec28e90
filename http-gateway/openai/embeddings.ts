import { z } from 'zod'
import { embeddingRequest } from '../../protocols/inference/index.ts'
import { documentAnswer, type DocumentFormat } from '../answer/deliver.ts'
import { EmbeddingVectors } from '../answer/embedding-vectors.ts'
import { route } from '../route.ts'
import { withoutNulls } from './sampling.ts'
import { texts } from './texts.ts'

const contract = embeddingRequest.shape

/** The error for LangChain for Python, which sends token ids by default. */
const LANGCHAIN = ' (with LangChain, set check_embedding_ctx_length=False)'

const embeddingsBody = z.object({
  model: contract.model,
  input: texts(contract.input, LANGCHAIN),
  dimensions: contract.dimensions.nullable(),
  encoding_format: z.enum(['float', 'base64']).nullish()
})

/** `POST /v1/embeddings`. */
export const embeddings = route({
  method: 'POST',
  path: '/v1/embeddings',
  summary: 'Create embeddings',
  body: embeddingsBody,
  handle(context, { body, reply }) {
    const { model, input, dimensions, encoding_format: encoding } = body
    const asked = { kind: 'embedding' as const, model, input, ...withoutNulls({ dimensions }) }
    return documentAnswer(context, reply, [asked], listFormat(input.length, encoding ?? 'float'))
  }
})

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
