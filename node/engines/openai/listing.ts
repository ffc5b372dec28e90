import { z } from 'zod'
import { EngineFailedError } from '../../../protocols/errors.ts'
import type { Capability, ModelInfo } from '../../../protocols/inference/index.ts'
import { quantizationOf } from '../quantization.ts'
import { SERVER } from './errors.ts'

const size = z.number().int().min(1).nullish().catch(null)
const text = z.string().nullish().catch(null)

const entry = z.object({
  id: z.string().min(1).max(4096),
  owned_by: text,
  // Each server has its own word for the context's length.
  context_length: size,
  max_model_len: size,
  context_window: size,
  max_context_length: size,
  loaded_context_length: size,
  max_seq_len: size,
  meta: z
    .object({ n_ctx: size, n_ctx_train: size, n_params: size, n_embd: size, size, ftype: text })
    .nullish()
    .catch(null),
  // Where TabbyAPI tells it.
  parameters: z.object({ max_seq_len: size }).nullish().catch(null),
  type: text
})

/** One model as its server lists it. */
export type Listed = z.infer<typeof entry>

const props = z.object({
  default_generation_settings: z.object({ n_ctx: size }).nullish().catch(null),
  model_ftype: text,
  total_slots: size,
  chat_template: text,
  modalities: z.object({ vision: z.boolean().nullish() }).nullish().catch(null)
})

/** Properties that llama.cpp's server reports. */
export type Props = z.infer<typeof props>

/** Capabilities assumed of every such server, since they report next to nothing about their models. */
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

/** Names of models that embed and do nothing else. */
const EMBEDS = /embed|(?:^|[^a-z])(?:bge|gte|e5|minilm|sbert|sentence-t\w+|mxbai|arctic-em\w*)(?:[^a-z]|$)/i

/** The models of `/v1/models`; entries that name none are left out. Some servers answer null, or the bare list. */
export function readListing(document: unknown): Listed[] {
  const list = Array.isArray(document)
    ? document
    : z.object({ data: z.unknown() }).safeParse(document).data?.data
  if (list === null) return []
  if (!Array.isArray(list))
    throw new EngineFailedError(`${SERVER} did not answer /v1/models with a list of models`)
  const found = list.flatMap((one) => entry.safeParse(one).data ?? [])
  return [...new Map(found.map((model) => [model.id, model])).values()]
}

/** The answer of `/props`; undefined if it has another shape. */
export function readProps(document: unknown): Props | undefined {
  return props.safeParse(document).data
}

/** How many slots work, as `/slots` tells; undefined where it is something else. */
export function readSlots(document: unknown): number | undefined {
  const slots = z.array(z.object({ is_processing: z.boolean() })).safeParse(document).data
  return slots?.filter((slot) => slot.is_processing).length
}

/** Whether the server is llama.cpp's. */
export function isLlamaCpp(model: Listed): boolean {
  return model.owned_by === 'llamacpp'
}

/** The length of a model's context in tokens; null where its server does not tell. */
export function contextLengthOf(model: Listed, props: Props | undefined): number | null {
  return (
    // The context of a slot comes first; the other fields give the model's maximum.
    props?.default_generation_settings?.n_ctx ??
    model.meta?.n_ctx ??
    model.loaded_context_length ??
    model.context_length ??
    model.max_model_len ??
    model.context_window ??
    model.max_seq_len ??
    model.parameters?.max_seq_len ??
    model.max_context_length ??
    model.meta?.n_ctx_train ??
    null
  )
}

/** The context that a model holds however its server loaded it, in tokens; null where the server does not tell. */
export function ownContextLengthOf({ meta, max_context_length }: Listed): number | null {
  return meta?.n_ctx_train ?? max_context_length ?? null
}

/** Model details for clients, as far as the server reports them. */
export function detailsOf(
  { meta, ...model }: Listed,
  props: Props | undefined
): Pick<ModelInfo, 'quantization' | 'format' | 'embeddingLength' | 'size' | 'template'> {
  const quantization = quantizationOf(meta?.ftype ?? props?.model_ftype ?? '')
  return {
    ...(quantization === undefined ? {} : { quantization }),
    // llama.cpp's server runs nothing else.
    ...(isLlamaCpp({ meta, ...model }) ? { format: 'gguf' } : {}),
    ...(meta?.n_embd == null ? {} : { embeddingLength: meta.n_embd }),
    ...(meta?.size == null ? {} : { size: meta.size }),
    ...(props?.chat_template ? { template: props.chat_template } : {})
  }
}

/** Capabilities of a model, derived from its server and its name. */
export function capabilitiesOf(model: Listed, name: string, props: Props | undefined): Capability[] {
  if (EMBEDS.test(name) || /^embeddings?$/.test(model.type ?? '')) return ['embedding']
  const capabilities = [...CHAT]
  if (props?.modalities?.vision === true || model.type === 'vlm') capabilities.push('vision')
  if (isLlamaCpp(model) || model.owned_by === 'vllm') capabilities.push('continue')
  return capabilities
}
