import type { ModelInfo, Price } from '../../../protocols/index.ts'
import { canonicalModelName } from '../../../protocols/index.ts'

/** Micro-credits in a credit. */
const MICRO = 1_000_000

/** One credit is one completion token of a model with so many parameters. */
const PARAMETERS_PER_CREDIT = 1_000_000_000

/** A prompt token costs this part of a completion token: it is read in a batch with the others. */
const PROMPT_PART = 0.25

/** What a model costs when nobody set a price: by its number of parameters, a billion where it is not told. */
export function defaultPrice(model: ModelInfo): Price {
  const completion = Math.max(
    1,
    Math.round(((model.parameters ?? PARAMETERS_PER_CREDIT) / PARAMETERS_PER_CREDIT) * MICRO)
  )
  return { prompt: Math.max(1, Math.round(completion * PROMPT_PART)), completion }
}

/** The price of a model: as configured under its name, else by default. */
export function priceOf(model: ModelInfo, configured: Readonly<Record<string, Price>>): Price {
  const name = canonicalModelName(model.id)
  const set = Object.entries(configured).find(([key]) => canonicalModelName(key) === name)
  return set?.[1] ?? defaultPrice(model)
}
