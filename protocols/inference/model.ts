import { z } from 'zod'
import { MAX_MODEL_NAME_LENGTH } from './request.ts'

/** Capabilities of a model, as its engine reports them. */
export const capability = z.enum([
  'chat',
  'completion',
  'embedding',
  'tools',
  'tool_choice',
  'vision',
  'thinking',
  'json_object',
  'json_schema',
  'logprobs',
  'logit_bias',
  'suffix',
  'continue'
])
export type Capability = z.infer<typeof capability>

/** Purely descriptive fields of a model: one that is out of bounds is dropped, and the model stays. */
function detail<T extends z.ZodType>(value: T): z.ZodCatch<z.ZodOptional<T>> {
  return value.optional().catch(undefined)
}

/** A model as an engine serves it. */
export const modelInfo = z.object({
  /** Canonical name, such as `llama3.2:3b`. */
  id: z.string().min(1).max(MAX_MODEL_NAME_LENGTH),
  /** The engine's digest of the weights, or null where it tells none. */
  digest: z.string().max(256).nullable(),
  /** Tokens of prompt and answer together, or null where the engine does not tell and nothing has taught it yet. */
  contextLength: z.number().int().min(1).nullable(),
  /** Number of parameters, or null where the engine does not tell. */
  parameters: z.number().int().min(1).nullable(),
  quantization: detail(z.string().max(64)),
  /** Of its file, such as `gguf`. */
  format: detail(z.string().max(32)),
  /** Its architecture, such as `llama`. */
  family: detail(z.string().max(64)),
  /** Its architecture and those of its further parts, such as `clip`. */
  families: detail(z.array(z.string().max(64)).max(8)),
  /** Numbers in its vectors. */
  embeddingLength: detail(z.number().int().min(1)),
  /** Bytes of its weights. */
  size: detail(z.number().int().min(1)),
  /** Whether its engine has it in memory; absent where the engine does not tell, or holds all that it serves. */
  loaded: detail(z.boolean()),
  capabilities: z.array(z.string().max(64)).max(64),
  /** True for a model that only shows that the mesh works. */
  demonstration: z.boolean().optional()
})

/** A model as its own engine describes it. */
export interface ModelInfo extends z.infer<typeof modelInfo> {
  /** Its template. It stays on the machine: announcements come too often to carry texts of this length. */
  template?: string
}

/** A contributor's price for one token of a model, in micro-credits. */
export const price = z.object({
  prompt: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  completion: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
})
export type Price = z.infer<typeof price>

/** Prefixes that Ollama implies in a name: its registry and its namespace. */
const IMPLIED = /^(https?:\/\/)?(registry\.ollama\.ai\/)?(library\/)?/i

/**
 * The name under which a model is looked up: trimmed, in lower case, without Ollama's registry and its namespace
 * `library`, and with the tag `latest` where there is none (`llama3.2`, `Llama3.2:latest` and `library/llama3.2` are
 * `llama3.2:latest`). Names that are paths or file names stay as they are.
 */
export function canonicalModelName(name: string): string {
  const trimmed = name.trim()
  if (/\.gguf$/i.test(trimmed)) return trimmed
  const bare = trimmed.replace(IMPLIED, '').toLowerCase()
  return bare.includes(':') ? bare : `${bare}:latest`
}
