import type { Ollama } from 'ollama/browser'
import { z } from 'zod'
import { BusyError, LobstahError, ModelNotFoundError } from '../../../protocols/errors.ts'
import { canonicalModelName, type Capability, type ModelInfo } from '../../../protocols/inference/index.ts'

/** Context of a model that tells none, in tokens: what Ollama itself assumes. */
const FALLBACK_CONTEXT_LENGTH = 4096

const tags = z.object({
  models: z.array(
    z.object({
      name: z.string(),
      digest: z.string(),
      remote_model: z.string().optional(),
      remote_host: z.string().optional()
    })
  )
})

const show = z.object({
  details: z.object({ quantization_level: z.string().optional() }).optional(),
  model_info: z.record(z.string(), z.unknown()).nullish(),
  capabilities: z.array(z.string()).nullish(),
  remote_model: z.string().optional(),
  remote_host: z.string().optional()
})
type Show = z.infer<typeof show>

/** Ollama's word for what a model can do, and ours. */
const CAPABILITIES: Record<string, readonly Capability[]> = {
  completion: ['chat', 'completion', 'json_object', 'json_schema', 'logprobs'],
  embedding: ['embedding'],
  insert: ['suffix'],
  thinking: ['thinking'],
  tools: ['tools'],
  vision: ['vision']
}

/** The models that this Ollama runs itself. */
export class OllamaModels {
  readonly #contextLength: number
  readonly #shown = new Map<string, Show>()
  #models = new Map<string, ModelInfo>()

  /** `contextLength`: what every model is held to, in tokens. */
  constructor(contextLength: number) {
    this.#contextLength = contextLength
  }

  /**
   * Asks anew which models there are; what a digest stands for is asked once. One that Ollama cannot describe, such
   * as one with a damaged file, is left out; where it can describe none, that is thrown.
   */
  async list(client: Ollama): Promise<ModelInfo[]> {
    const { models } = tags.parse(await client.list())
    const local = models.filter((model) => !isRemote(model) && !isCloudName(model.name))
    const known = new Set(local.map((model) => model.digest))
    for (const digest of this.#shown.keys()) if (!known.has(digest)) this.#shown.delete(digest)
    const found = new Map<string, ModelInfo>()
    let failure: LobstahError | undefined
    for (const { name, digest } of local) {
      const shown = this.#shown.get(digest) ?? (await ask(client, name))
      if (shown instanceof LobstahError) {
        // One that is not found was removed since it was listed.
        if (!(shown instanceof ModelNotFoundError)) failure = shown
        continue
      }
      this.#shown.set(digest, shown)
      if (!isRemote(shown)) found.set(canonicalModelName(name), this.#describe(name, digest, shown))
    }
    if (found.size === 0 && failure !== undefined) throw failure
    this.#models = found
    return [...found.values()]
  }

  /** One model by name. Throws ModelNotFoundError, also for those that Ollama passes on to its cloud. */
  async find(client: Ollama, name: string): Promise<ModelInfo> {
    const id = canonicalModelName(name)
    if (!this.#models.has(id)) await this.list(client)
    const model = this.#models.get(id)
    if (model === undefined) throw new ModelNotFoundError(`Ollama does not have the model ${id}`)
    return model
  }

  #describe(name: string, digest: string, shown: Show): ModelInfo {
    const info = shown.model_info ?? {}
    const architecture = info['general.architecture']
    const own = typeof architecture === 'string' ? count(info[`${architecture}.context_length`]) : null
    const quantization = shown.details?.quantization_level
    return {
      id: name,
      digest,
      contextLength: Math.min(own ?? FALLBACK_CONTEXT_LENGTH, this.#contextLength),
      parameters: count(info['general.parameter_count']),
      ...(quantization ? { quantization } : {}),
      capabilities: (shown.capabilities ?? ['completion']).flatMap((word) => CAPABILITIES[word] ?? [])
    }
  }
}

/** A model's description, or why Ollama has none for it. */
async function ask(client: Ollama, name: string): Promise<Show | LobstahError> {
  try {
    return show.parse(await client.show({ model: name }))
  } catch (err) {
    if (err instanceof LobstahError && !(err instanceof BusyError)) return err
    throw err
  }
}

function isRemote(model: { remote_model?: string; remote_host?: string }): boolean {
  return Boolean(model.remote_model) || Boolean(model.remote_host)
}

/** Whether Ollama reads a name as one of its cloud's: `…:cloud`, or a tag that ends in `-cloud`. */
function isCloudName(name: string): boolean {
  return /:([^/]*-)?cloud$/i.test(name)
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null
}
