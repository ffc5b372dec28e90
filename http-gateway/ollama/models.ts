import { z } from 'zod'
import type { ListedModel } from '../../node/consumer/index.ts'
import { BadRequestError } from '../../protocols/errors.ts'
import { listedBy, servedBy } from '../model-names.ts'
import { route } from '../route.ts'

/** The release of Ollama whose API this is; clients ask for it to learn what they may send. */
const OLLAMA_VERSION = '0.12.10'

/** Placeholder for the time a model was last changed, which nobody knows. */
const UNKNOWN_TIME = '1970-01-01T00:00:00Z'

/** Ollama's words for what a model can do. */
const CAPABILITIES: Record<string, string> = {
  chat: 'completion',
  embedding: 'embedding',
  suffix: 'insert',
  thinking: 'thinking',
  tools: 'tools',
  vision: 'vision'
}

const showBody = z.object({
  model: z.string().nullish(),
  /** The older name of the field. */
  name: z.string().nullish()
})

/** Ollama's `GET /api/version`. */
export const version = route({
  method: 'GET',
  path: '/api/version',
  summary: "The version of Ollama's API that the gateway speaks",
  handle: () => ({ version: OLLAMA_VERSION })
})

/** Ollama's `GET /api/tags`. */
export const tags = route({
  method: 'GET',
  path: '/api/tags',
  summary: 'List the models that are available now',
  handle: ({ components }) => ({ models: listedBy(components.consumer).map(toListed) })
})

/** Ollama's `GET /api/ps`. */
export const ps = route({
  method: 'GET',
  path: '/api/ps',
  summary: 'List the available models as loaded',
  handle: ({ components }) => ({
    // Which models are in whose memory nobody tells: all that are served can be asked at once.
    models: listedBy(components.consumer).map((model) => ({
      ...toListed(model),
      expires_at: UNKNOWN_TIME,
      size_vram: 0,
      ...(model.contextLength === null ? {} : { context_length: model.contextLength })
    }))
  })
})

/** Ollama's `POST /api/show`. */
export const show = route({
  method: 'POST',
  path: '/api/show',
  summary: 'Describe a model',
  body: showBody,
  handle({ components }, { body: { model, name } }) {
    const wanted = model || name
    if (!wanted) throw new BadRequestError('model is required', { param: 'model' })
    return toShown(servedBy(components.consumer, wanted))
  }
})

function toListed(model: ListedModel): object {
  return {
    name: model.id,
    model: model.id,
    modified_at: UNKNOWN_TIME,
    size: model.size ?? 0,
    digest: (model.digest ?? '').replace(/^sha256:/, ''),
    details: toDetails(model)
  }
}

function toShown(model: ListedModel): object {
  // Clients look for the context under the architecture's name, so that there must be one.
  const architecture = model.family ?? 'unknown'
  return {
    modelfile: '',
    parameters: '',
    template: model.template ?? '',
    license: '',
    details: toDetails(model),
    model_info: {
      'general.architecture': architecture,
      ...(model.contextLength === null ? {} : { [`${architecture}.context_length`]: model.contextLength }),
      ...(model.embeddingLength === undefined
        ? {}
        : { [`${architecture}.embedding_length`]: model.embeddingLength }),
      ...(model.parameters === null ? {} : { 'general.parameter_count': model.parameters })
    },
    capabilities: model.capabilities.flatMap((name) => CAPABILITIES[name] ?? []),
    modified_at: UNKNOWN_TIME
  }
}

function toDetails({
  parameters,
  quantization = '',
  format = '',
  family = '',
  families
}: ListedModel): object {
  return {
    parent_model: '',
    format,
    family,
    families: families ?? (family === '' ? null : [family]),
    parameter_size: parameters === null ? '' : toSize(parameters),
    quantization_level: quantization
  }
}

/** `3.2B` of 3212749888. */
function toSize(parameters: number): string {
  return parameters < 1e9 ? `${(parameters / 1e6).toFixed(2)}M` : `${(parameters / 1e9).toFixed(1)}B`
}
