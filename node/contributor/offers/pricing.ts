import { canonicalModelName, defaultPrice, type ModelInfo, type Price } from '../../../protocols/index.ts'

export { defaultPrice } from '../../../protocols/index.ts'

/** The price of a model: as configured under its name, else by default. */
export function priceOf(model: ModelInfo, configured: Readonly<Record<string, Price>>): Price {
  const name = canonicalModelName(model.id)
  const set = Object.entries(configured).find(([key]) => canonicalModelName(key) === name)
  return set?.[1] ?? defaultPrice(model)
}
