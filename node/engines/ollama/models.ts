import type { Ollama } from 'ollama/browser'
import { z } from 'zod'
import { BusyError, LobstahError, ModelNotFoundError } from '../../../protocols/errors.ts'
import { canonicalModelName, type Capability, type ModelInfo } from '../../../protocols/inference/index.ts'
import { AGENT_CONTEXT_LENGTH, loweredContext } from '../context-length.ts'
import { count, detailsOf, show, type Show } from './details.ts'
import { bytesPerToken, fittingContext } from './memory.ts'
import { continues, isJinja } from './template/continues.ts'

/** Context of a model that tells none, in tokens: what Ollama itself assumes. */
const FALLBACK_CONTEXT_LENGTH = 4096

const tags = z.object({
  models: z.array(
    z.object({
      name: z.string(),
      digest: z.string(),
      size: z.number().min(0).catch(0),
      remote_model: z.string().optional(),
      remote_host: z.string().optional()
    })
  )
})

const resident = z.object({
  models: z
    .array(
      z.object({
        digest: z.string(),
        context_length: z.number().int().min(1).nullish().catch(null),
        size_vram: z.number().nullish().catch(null)
      })
    )
    .nullish()
})

/** Ollama's word for what a model can do, and ours. */
const CAPABILITIES: Record<string, readonly Capability[]> = {
  completion: ['chat', 'completion', 'json_object', 'json_schema', 'logprobs'],
  embedding: ['embedding'],
  insert: ['suffix'],
  thinking: ['thinking'],
  tools: ['tools'],
  vision: ['vision']
}

/** A model as it is asked: its context is known, and so is the one it is loaded with. */
export type OllamaModel = ModelInfo & { contextLength: number; digest: string }

export interface OllamaModelsInit {
  /** Context length for every model, in tokens; undefined picks one that suits agents and fits into memory. */
  contextLength?: number | undefined
  /** Memory of the machine that Ollama runs on, in bytes; undefined where it is not known. */
  memory?: number | undefined
}

/** The models that this Ollama runs itself. */
export class OllamaModels {
  readonly #init: OllamaModelsInit
  readonly #shown = new Map<string, Show>()
  /** The largest context that each digest was seen loaded with, in tokens. */
  readonly #loaded = new Map<string, number>()
  /** Digests of which a part was seen in the memory of a GPU. */
  readonly #onGpu = new Set<string>()
  readonly #notes = new Map<string, string>()
  /** Digests that are in memory now; undefined where Ollama does not tell. */
  #resident: ReadonlySet<string> | undefined
  #models = new Map<string, OllamaModel>()

  constructor(init: OllamaModelsInit = {}) {
    this.#init = init
  }

  /** A sentence for each model whose context the memory of this machine lowers. */
  get notes(): string[] {
    return [...this.#notes.values()]
  }

  /**
   * Asks anew which models there are; what a digest stands for is asked once. A model that Ollama cannot describe, such
   * as one with a damaged file, is left out; where it can describe none, that is thrown.
   */
  async list(client: Ollama): Promise<OllamaModel[]> {
    const { models } = tags.parse(await client.list())
    await this.#readLoaded(client)
    const local = models.filter((model) => !isRemote(model) && !isCloudName(model.name))
    const known = new Set(local.map((model) => model.digest))
    for (const kept of [this.#shown, this.#loaded]) {
      for (const digest of kept.keys()) if (!known.has(digest)) kept.delete(digest)
    }
    const found = new Map<string, OllamaModel>()
    let failure: LobstahError | undefined
    this.#notes.clear()
    for (const { name, digest, size } of local) {
      const shown = this.#shown.get(digest) ?? (await ask(client, name))
      if (shown instanceof LobstahError) {
        // One that is not found was removed since it was listed.
        if (!(shown instanceof ModelNotFoundError)) failure = shown
        continue
      }
      this.#shown.set(digest, shown)
      if (!isRemote(shown)) found.set(canonicalModelName(name), this.#describe(name, digest, size, shown))
    }
    if (found.size === 0 && failure !== undefined) throw failure
    this.#models = found
    return [...found.values()]
  }

  /** One model by name. Throws ModelNotFoundError, also for those that Ollama passes on to its cloud. */
  async find(client: Ollama, name: string): Promise<OllamaModel> {
    const id = canonicalModelName(name)
    if (!this.#models.has(id)) await this.list(client)
    const model = this.#models.get(id)
    if (model === undefined) throw new ModelNotFoundError(`Ollama does not have the model ${id}`)
    return model
  }

  /** The `num_ctx` to ask a model with: that of the loaded one where it suffices, so that nothing is loaded again. */
  async contextToAsk(client: Ollama, { digest, contextLength }: OllamaModel): Promise<number> {
    const loaded = (await this.#readLoaded(client)).get(digest) ?? 0
    return Math.max(contextLength, loaded)
  }

  /** Whether answers that continue a message begin with that message once more. */
  echoes({ digest }: OllamaModel): boolean {
    return isJinja(this.#shown.get(digest)?.template ?? '')
  }

  /** The digest that a model's name stands for now; undefined where there is no such model. */
  async digestOf(client: Ollama, name: string): Promise<string | undefined> {
    const id = canonicalModelName(name)
    const { models } = tags.parse(await client.list())
    return models.find((model) => canonicalModelName(model.name) === id)?.digest
  }

  /** The contexts that models are loaded with now, by digest; none where Ollama does not tell. */
  async #readLoaded(client: Ollama): Promise<Map<string, number>> {
    const now = new Map<string, number>()
    try {
      const models = resident.parse(await client.ps()).models ?? []
      this.#resident = new Set(models.map(({ digest }) => digest))
      for (const model of models) {
        if (model.size_vram) this.#onGpu.add(model.digest)
        if (model.context_length == null) continue
        now.set(model.digest, model.context_length)
        this.#loaded.set(model.digest, Math.max(this.#loaded.get(model.digest) ?? 0, model.context_length))
      }
    } catch (err) {
      if (!(err instanceof LobstahError || err instanceof z.ZodError)) throw err
      this.#resident = undefined
    }
    return now
  }

  #describe(name: string, digest: string, size: number, shown: Show): OllamaModel {
    const info = shown.model_info ?? {}
    const architecture = info['general.architecture']
    const own =
      (typeof architecture === 'string' ? count(info[`${architecture}.context_length`]) : null) ??
      FALLBACK_CONTEXT_LENGTH
    return {
      id: name,
      digest,
      contextLength: Math.min(
        own,
        this.#init.contextLength ?? this.#contextThatFits(name, digest, size, own, info)
      ),
      parameters: count(info['general.parameter_count']),
      ...detailsOf(shown, size),
      ...(this.#resident === undefined ? {} : { loaded: this.#resident.has(digest) }),
      capabilities: capabilitiesOf(shown)
    }
  }

  #contextThatFits(
    name: string,
    digest: string,
    size: number,
    own: number,
    info: Record<string, unknown>
  ): number {
    const loaded = this.#loaded.get(digest) ?? 0
    const wanted = Math.min(own, Math.max(AGENT_CONTEXT_LENGTH, loaded))
    // A model on a GPU has memory that Ollama does not tell the size of; what is loaded evidently fits.
    if (this.#init.memory === undefined || this.#onGpu.has(digest)) return wanted
    const model = { weights: size, bytesPerToken: bytesPerToken(info) }
    const fits = Math.max(fittingContext(wanted, model, this.#init.memory), loaded)
    if (fits < wanted) {
      this.#notes.set(
        name,
        loweredContext(
          name,
          { offered: fits, wanted },
          "more does not fit this machine's memory (--context-length overrules this)"
        )
      )
    }
    return fits
  }
}

function capabilitiesOf({ capabilities, template, renderer, parser, details }: Show): Capability[] {
  const words = capabilities ?? ['completion']
  const found = words.flatMap((word) => CAPABILITIES[word] ?? [])
  const thinks = words.includes('thinking')
  const maker = { template, renderer, parser, family: details?.family, thinks }
  return found.includes('chat') && continues(maker) ? [...found, 'continue'] : found
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

function isRemote(model: { remote_model?: string | undefined; remote_host?: string | undefined }): boolean {
  return Boolean(model.remote_model) || Boolean(model.remote_host)
}

/** Whether Ollama reads a name as one of its cloud's: `…:cloud`, or a tag that ends in `-cloud`. */
function isCloudName(name: string): boolean {
  return /:([^/]*-)?cloud$/i.test(name)
}
