import { LobstahError, ModelNotFoundError } from '../../../protocols/errors.ts'
import {
  canonicalModelName,
  MAX_MODEL_NAME_LENGTH,
  type ModelInfo
} from '../../../protocols/inference/index.ts'
import { AGENT_CONTEXT_LENGTH, loweredContext } from '../context-length.ts'
import type { OpenaiClient } from './client.ts'
import { SERVER } from './errors.ts'
import {
  capabilitiesOf,
  contextLengthOf,
  detailsOf,
  isLlamaCpp,
  ownContextLengthOf,
  readListing,
  readProps,
  type Props
} from './listing.ts'
import { namesOf, withoutFolders } from './names.ts'

/** How long a limit that the server told in an error holds, in milliseconds: the model may be loaded anew. */
const LEARNED_FOR_MS = 60 * 60_000

/** From here on, in tokens, a limit only says that none was set, since the context is unknown. */
const NO_LIMIT = 1_048_576

/** A model, and what its server calls it: often a path, which no other machine may see. */
export interface ServedModel {
  info: ModelInfo
  serverId: string
  /** The context that the model holds however it was loaded, in tokens; null where its server does not tell. */
  ownContextLength: number | null
  /** Whether the server refuses a prompt that together with `max_tokens` is over the context. */
  strict: boolean
  /** Whether the server is SGLang. */
  sglang: boolean
}

export interface OpenaiModelsOptions {
  /** Milliseconds since 1970. @default Date.now */
  now?: () => number
  /** Whether any name is taken for a model's. @default false */
  unlisted?: boolean
}

/** A model of which nothing is known but its name. */
function unlistedModel(name: string): ServedModel {
  const info = { id: name, digest: null, contextLength: null, parameters: null, capabilities: [] }
  return { info, serverId: name, ownContextLength: null, strict: false, sglang: false }
}

/** The models that the server lists. */
export class OpenaiModels {
  readonly #client: OpenaiClient
  readonly #contextLength: number | null
  readonly #now: () => number
  readonly #unlisted: boolean
  #models = new Map<string, ServedModel>()
  #names: ReadonlyMap<string, string> = new Map()
  #llamaCpp = false
  #slots: number | undefined
  /** Contexts that the server told in its errors, by its ids. */
  readonly #learned = new Map<string, { contextLength: number; until: number }>()

  /** `contextLength`: of models whose server does not tell, in tokens; null where nobody knows. */
  constructor(
    client: OpenaiClient,
    contextLength: number | null,
    { now = Date.now, unlisted = false }: OpenaiModelsOptions = {}
  ) {
    this.#unlisted = unlisted
    this.#client = client
    this.#contextLength = contextLength
    this.#now = now
  }

  /** Whether llama.cpp's server is asked. */
  get llamaCpp(): boolean {
    return this.#llamaCpp
  }

  /** Requests that the server answers side by side, by its last list; undefined where it does not tell. */
  get slots(): number | undefined {
    return this.#slots
  }

  /** A sentence for each model whose server has less context for it than an agent needs and the model holds. */
  get notes(): string[] {
    return [...this.#models.values()].flatMap(({ info, ownContextLength }) => {
      const wanted = Math.min(AGENT_CONTEXT_LENGTH, ownContextLength ?? 0)
      if (info.contextLength === null || info.contextLength >= wanted) return []
      const more = this.#llamaCpp ? ', such as: llama-server -c 32768 for each of its slots' : ''
      const lowered = { offered: info.contextLength, wanted }
      return [loweredContext(info.id, lowered, `its server was started so; start it with more${more}`)]
    })
  }

  /** Asks anew which models there are. */
  async list(signal: AbortSignal): Promise<ModelInfo[]> {
    const listed = new Map(
      readListing(await this.#client.get('/v1/models', signal)).map((model) => [model.id, model])
    )
    this.#llamaCpp = listed.values().some(isLlamaCpp)
    const props = this.#llamaCpp ? await this.#props(signal) : undefined
    this.#slots = props?.total_slots ?? undefined
    this.#names = namesOf(listed.keys())
    this.#models = new Map()
    for (const [name, serverId] of this.#names) {
      const model = listed.get(serverId)
      if (model === undefined || name.length > MAX_MODEL_NAME_LENGTH) continue
      const told = contextLengthOf(model, isLlamaCpp(model) ? props : undefined)
      const info: ModelInfo = {
        id: name,
        digest: null,
        contextLength: this.#learnedOf(serverId) ?? told ?? this.#contextLength,
        parameters: model.meta?.n_params ?? null,
        ...detailsOf(model, isLlamaCpp(model) ? props : undefined),
        capabilities: capabilitiesOf(model, name, isLlamaCpp(model) ? props : undefined)
      }
      // Those that say this word, vLLM and SGLang, are strict.
      const strict = model.max_model_len != null
      this.#models.set(canonicalModelName(name), {
        info,
        serverId,
        ownContextLength: ownContextLengthOf(model),
        strict,
        sglang: model.owned_by === 'sglang'
      })
    }
    return [...this.#models.values()].map(({ info }) => info)
  }

  /**
   * One model by name. Throws ModelNotFoundError, since some servers answer with whatever model they have
   * loaded, whichever was asked for.
   */
  async find(name: string, signal: AbortSignal): Promise<ServedModel> {
    if (this.#unlisted) return unlistedModel(name)
    const id = canonicalModelName(name)
    if (!this.#models.has(id)) await this.list(signal)
    const model = this.#models.get(id)
    if (model === undefined) throw new ModelNotFoundError(`${SERVER} does not have the model ${name}`)
    return model
  }

  /** Remembers the context's length that the server told in an error. */
  learn({ info, serverId }: ServedModel, contextLength: number): void {
    if (info.contextLength !== null && contextLength >= info.contextLength) return
    this.#learned.set(serverId, { contextLength, until: this.#now() + LEARNED_FOR_MS })
    info.contextLength = contextLength
  }

  /** Forgets what was learned where an answer needed more. */
  unlearn({ serverId }: ServedModel, tokens: number): void {
    if ((this.#learned.get(serverId)?.contextLength ?? Infinity) < tokens) this.#learned.delete(serverId)
  }

  /** A server's words without the folders of its machine. */
  withoutFolders(text: string): string {
    return withoutFolders(text, this.#names)
  }

  #learnedOf(serverId: string): number | undefined {
    const learned = this.#learned.get(serverId)
    if (learned !== undefined && learned.until <= this.#now()) this.#learned.delete(serverId)
    return this.#learned.get(serverId)?.contextLength
  }

  /** Properties of llama.cpp's server, if it reports any. */
  async #props(signal: AbortSignal): Promise<Props | undefined> {
    try {
      return readProps(await this.#client.get('/props', signal))
    } catch (err) {
      if (err instanceof LobstahError) return undefined
      throw err
    }
  }
}

/**
 * Whether a request's `max_tokens` is to be left out: it is no less than all of the context, or says that there is no
 * limit. A strict server would refuse it beside any prompt instead of stopping where the context ends, as it does of
 * itself.
 */
export function boundsItself({ info, strict }: ServedModel, maxTokens: number | undefined): boolean {
  if (maxTokens === undefined) return false
  return info.contextLength === null ? maxTokens >= NO_LIMIT : strict && maxTokens >= info.contextLength
}
