import { z } from 'zod'
import { LobstahError, ModelNotFoundError } from '../../../protocols/errors.ts'
import { canonicalModelName, type Capability, type ModelInfo } from '../../../protocols/inference/index.ts'
import type { OpenaiClient } from './client.ts'
import { SERVER } from './errors.ts'

const size = z.number().int().min(1).nullish().catch(null)

const listing = z.object({
  data: z.array(
    z.object({
      id: z.string().min(1),
      owned_by: z.string().nullish().catch(null),
      // Each server has its own word for the context's length.
      context_length: size,
      max_model_len: size,
      context_window: size,
      meta: z.object({ n_ctx_train: size, n_params: size }).nullish().catch(null)
    })
  )
})
type Listed = z.infer<typeof listing>['data'][number]

const props = z.object({
  default_generation_settings: z.object({ n_ctx: size }).nullish().catch(null),
  modalities: z.object({ vision: z.boolean().nullish() }).nullish().catch(null)
})
type Props = z.infer<typeof props>

/** What every server of this kind is taken to do: they tell next to nothing of their models. */
const CHAT: readonly Capability[] = [
  'chat',
  'completion',
  'tools',
  'tool_choice',
  'json_object',
  'json_schema',
  'logprobs',
  'logit_bias'
]

/** The models that the server lists. */
export class OpenaiModels {
  readonly #client: OpenaiClient
  readonly #contextLength: number
  #models = new Map<string, ModelInfo>()
  /** Ids of models whose server refuses a prompt that together with `max_tokens` is over the context. */
  #strict = new Set<string>()

  /** `contextLength`: of models whose server does not tell, in tokens. */
  constructor(client: OpenaiClient, contextLength: number) {
    this.#client = client
    this.#contextLength = contextLength
  }

  /** Asks anew which models there are. */
  async list(signal: AbortSignal): Promise<ModelInfo[]> {
    const { data } = listing.parse(await this.#client.get('/v1/models', signal))
    const props = data.some(isLlamaCpp) ? await this.#props(signal) : undefined
    const models = data.map((model) => this.#describe(model, isLlamaCpp(model) ? props : undefined))
    this.#models = new Map(models.map((model) => [canonicalModelName(model.id), model]))
    // Those that say this word, vLLM and SGLang, do.
    this.#strict = new Set(data.filter((model) => model.max_model_len != null).map(({ id }) => id))
    return models
  }

  /**
   * One model by name. Throws ModelNotFoundError, since some servers answer with whatever model they have
   * loaded, whichever was asked for.
   */
  async find(name: string, signal: AbortSignal): Promise<ModelInfo> {
    const id = canonicalModelName(name)
    if (!this.#models.has(id)) await this.list(signal)
    const model = this.#models.get(id)
    if (model === undefined) throw new ModelNotFoundError(`${SERVER} does not have the model ${name}`)
    return model
  }

  /**
   * Whether a request's `max_tokens` is to be left out: it is no less than all of the context, and the server would
   * refuse it beside any prompt instead of stopping where the context ends, as it does of itself.
   */
  boundsItself({ id, contextLength }: ModelInfo, maxTokens: number | undefined): boolean {
    return this.#strict.has(id) && contextLength !== null && (maxTokens ?? 0) >= contextLength
  }

  /** What llama.cpp's server tells of itself, if it does. */
  async #props(signal: AbortSignal): Promise<Props | undefined> {
    try {
      return props.parse(await this.#client.get('/props', signal))
    } catch (err) {
      if (err instanceof LobstahError || err instanceof z.ZodError) return undefined
      throw err
    }
  }

  #describe(model: Listed, props: Props | undefined): ModelInfo {
    const told =
      // What a slot really has; the others say what the model could.
      props?.default_generation_settings?.n_ctx ??
      model.context_length ??
      model.max_model_len ??
      model.context_window ??
      model.meta?.n_ctx_train
    return {
      id: model.id,
      digest: null,
      contextLength: told ?? this.#contextLength,
      parameters: model.meta?.n_params ?? null,
      capabilities: capabilitiesOf(model, props)
    }
  }
}

function isLlamaCpp(model: Listed): boolean {
  return model.owned_by === 'llamacpp'
}

function capabilitiesOf(model: Listed, props: Props | undefined): Capability[] {
  if (/embed/i.test(model.id)) return ['embedding']
  const capabilities = [...CHAT]
  if (props?.modalities?.vision === true) capabilities.push('vision')
  if (isLlamaCpp(model) || model.owned_by === 'vllm') capabilities.push('continue')
  return capabilities
}
