import {
  BusyError,
  ModelNotFoundError,
  NoProviderError,
  type LobstahError,
  type OfferedModel
} from '../../../protocols/index.ts'
import type { PriceLimits } from './price-limits.ts'
import { findModel } from './ranking.ts'

/** Why nobody answered: what the contributors said who were asked, or why none of the offers would do. */
export function explain(
  name: string,
  offers: OfferedModel[],
  failures: LobstahError[],
  priceLimits: PriceLimits
): LobstahError {
  const last = failures.find((err) => err instanceof BusyError) ?? failures.at(-1)
  if (last !== undefined) return last
  const tooDear = priceLimits.explain(
    name,
    offers.filter((model) => findModel([model], name) !== undefined)
  )
  if (tooDear !== undefined) return tooDear
  if (offers.length === 0) return new NoProviderError(`Nobody who serves ${name} can be reached now`)
  return new ModelNotFoundError(`The model ${name} is served by nobody in reach`)
}
