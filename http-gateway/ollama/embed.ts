import { z } from 'zod'
import { embeddingRequest } from '../../protocols/inference/index.ts'
import { documentAnswer } from '../answer/deliver.ts'
import { EmbeddingVectors } from '../answer/embedding-vectors.ts'
import { calledAs, servedBy } from '../model-names.ts'
import { withoutNulls } from '../openai/sampling.ts'
import { texts } from '../openai/texts.ts'
import { route } from '../route.ts'

const contract = embeddingRequest.shape

/** As many as a request holds, or none. */
const inputs = z.array(contract.input.element).max(2048)

const embedBody = z.object({
  model: contract.model,
  input: z.preprocess((value) => (value === '' ? [] : (value ?? [])), texts(inputs)),
  dimensions: contract.dimensions.nullable(),
  truncate: z.boolean().nullish()
})

/** The endpoint before it, for one text. */
const legacyBody = z.object({ model: contract.model, prompt: z.string().min(1) })

/** Ollama's `POST /api/embed`. */
export const embed = route({
  method: 'POST',
  path: '/api/embed',
  summary: 'Create embeddings',
  body: embedBody,
  handle(context, { body: { model, input, dimensions, truncate }, reply }) {
    // How Ollama's clients have a model loaded.
    if (input.length === 0) {
      servedBy(context.components.consumer, model)
      return { model, embeddings: [] }
    }
    const startedAt = performance.now()
    const vectors = new EmbeddingVectors(input.length)
    return documentAnswer(
      context,
      reply,
      // Ollama truncates unless it is told otherwise.
      [{ kind: 'embedding', model, input, truncate: truncate ?? true, ...withoutNulls({ dimensions }) }],
      {
        delta: (delta) => vectors.add(delta),
        end: ([{ usage }], served) => ({
          model: calledAs(model, served),
          embeddings: vectors.float(),
          total_duration: Math.round((performance.now() - startedAt) * 1e6),
          load_duration: 0,
          prompt_eval_count: usage.promptTokens
        })
      }
    )
  }
})

/** Ollama's `POST /api/embeddings`, which came before it. */
export const legacyEmbed = route({
  method: 'POST',
  path: '/api/embeddings',
  summary: 'Create one embedding',
  body: legacyBody,
  handle(context, { body: { model, prompt }, reply }) {
    const vectors = new EmbeddingVectors(1)
    return documentAnswer(context, reply, [{ kind: 'embedding', model, input: [prompt], truncate: true }], {
      delta: (delta) => vectors.add(delta),
      end: () => ({ embedding: vectors.float()[0] ?? [] })
    })
  }
})
