import { totalmem } from 'node:os'

/** Bytes of one number in Ollama's cache of keys and values, which is f16 unless set otherwise. */
const BYTES_PER_NUMBER = 2

/** The share of a machine's memory that models may fill. */
const USABLE_SHARE = 0.8

/** Context lengths are lowered to a multiple of this, in tokens. */
const STEP = 1024

/** The inputs for estimating the memory of a model's context. */
export interface ModelMemory {
  /** Size of the weights, in bytes. */
  weights: number
  /** Bytes of keys and values for each token; undefined where the model's description does not tell. */
  bytesPerToken: number | undefined
}

/** The bytes of keys and values that each token of a context takes, from `/api/show`'s `model_info`. */
export function bytesPerToken(info: Record<string, unknown>): number | undefined {
  const architecture = info['general.architecture']
  if (typeof architecture !== 'string') return undefined
  const read = (name: string): number | undefined => {
    const value = info[`${architecture}.${name}`]
    return typeof value === 'number' && value > 0 ? value : undefined
  }
  const layers = read('block_count')
  const heads = read('attention.head_count')
  const embedding = read('embedding_length')
  if (layers === undefined || heads === undefined || embedding === undefined) return undefined
  const kvHeads = read('attention.head_count_kv') ?? heads
  const key = read('attention.key_length') ?? embedding / heads
  const value = read('attention.value_length') ?? embedding / heads
  return layers * kvHeads * (key + value) * BYTES_PER_NUMBER
}

/**
 * The largest context, up to the wanted one, that fits this machine's memory beside the weights. Where nothing can be
 * said, the wanted one: weights larger than the memory are in a GPU's, whose size Ollama does not tell.
 */
export function fittingContext(wanted: number, model: ModelMemory, memory: number = totalmem()): number {
  const room = memory * USABLE_SHARE - model.weights
  if (model.bytesPerToken === undefined || room <= 0) return wanted
  const fits = Math.floor(room / model.bytesPerToken / STEP) * STEP
  return fits >= wanted ? wanted : Math.max(Math.min(wanted, STEP), fits)
}
