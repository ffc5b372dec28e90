import { canonicalModelName, type ModelInfo, type Price } from './model.ts'

/** Micro-credits in a credit. */
const MICRO = 1_000_000

/** One credit is one completion token of a model with so many parameters. */
const PARAMETERS_PER_CREDIT = 1_000_000_000

/** A prompt token costs this part of a completion token: it is read in a batch with the others. */
const PROMPT_PART = 0.25

/** A consumer pays so many times the default price without being told to. */
export const PRICE_CEILING_FACTOR = 4

/** By how much a model may be larger than its name says: sizes in names are rounded. */
const NAMED_SIZE_FACTOR = 1.25

/** The most parameters that are believed of a model whose name does not tell its size. */
const MAX_UNNAMED_PARAMETERS = 32_000_000_000

/** A size in a model's name: `:7b`, `-0.5B-`, `8x7b`, `:270m`. */
const SIZE = /(?<![a-z0-9.])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,3})?)([bm])(?![a-z0-9])/g

type Sized = Pick<ModelInfo, 'id' | 'parameters'>

/** Micro-credits as people read them: `1.5 credits`. */
export function inCredits(microCredits: number): string {
  const amount = (microCredits / MICRO).toLocaleString('en-US', { maximumFractionDigits: 6 })
  return `${amount} ${amount === '1' ? 'credit' : 'credits'}`
}

/** The default price of a model, from its number of parameters; a billion if that is unknown. */
export function defaultPrice({ parameters }: Pick<ModelInfo, 'parameters'>): Price {
  const size = (parameters ?? PARAMETERS_PER_CREDIT) / PARAMETERS_PER_CREDIT
  const completion = Math.max(1, Math.round(size * MICRO))
  return { prompt: Math.max(1, Math.round(completion * PROMPT_PART)), completion }
}

/**
 * The default price of a model by what a consumer believes of its size: no more than its name says, or than 32 billion
 * parameters where the name says nothing.
 */
export function believedPrice(model: Sized): Price {
  return defaultPrice({ parameters: believedParameters(model) })
}

/** The number of parameters that a consumer believes a model to have. */
export function believedParameters(model: Sized): number {
  const named = namedParameters(model.id)
  const most = named === undefined ? MAX_UNNAMED_PARAMETERS : named * NAMED_SIZE_FACTOR
  const told = model.parameters ?? named ?? PARAMETERS_PER_CREDIT
  return Math.min(told, most)
}

/** The most that a consumer pays for a model unless its owner sets another limit. */
export function priceCeiling(model: Sized): Price {
  const { prompt, completion } = believedPrice(model)
  return { prompt: prompt * PRICE_CEILING_FACTOR, completion: completion * PRICE_CEILING_FACTOR }
}

/** The number of parameters that a model's name tells, the largest where it tells several; undefined where none. */
function namedParameters(id: string): number | undefined {
  const sizes = [...canonicalModelName(id).toLowerCase().matchAll(SIZE)].map(([, experts, size, unit]) => {
    const each = Number(size) * (unit === 'b' ? 1e9 : 1e6)
    return each * (experts === undefined ? 1 : Number(experts))
  })
  const largest = Math.max(...sizes)
  return largest > 0 ? largest : undefined
}
