import {
  ContextLengthExceededError,
  ModelDepartedError,
  ModelNotFoundError,
  NoProviderError,
  type LobstahError,
  type OfferedModel
} from '../../../protocols/index.ts'
import type { Departure } from './departures.ts'
import type { PriceLimits } from './price-limits.ts'
import { findModel } from './fitness.ts'

/** How long a model whose last contributor left is expected back, in milliseconds. */
const EXPECTED_BACK_MS = 60_000

/** When to ask again for one that is expected back, in milliseconds. */
const RETRY_MS = 5000

export interface ExplainContext {
  /** All that is offered now. */
  offers: OfferedModel[]
  priceLimits: PriceLimits
  /** The peer that served the model last, if nobody does now. */
  departure: Departure | undefined
  /** The largest context of those that were not asked because they surely cannot hold the request. @default none */
  tooSmall?: number | undefined
  /** Milliseconds since 1970. */
  now: number
}

/** Why nobody was asked: none of the offers would do. */
export function explain(name: string, context: ExplainContext): LobstahError {
  const { offers, priceLimits, departure, tooSmall, now } = context
  if (tooSmall !== undefined)
    return new ContextLengthExceededError(
      `The request has more tokens than the ${tooSmall} that any contributor of ${name} in reach can hold`,
      { contextLength: tooSmall }
    )
  const tooDear = priceLimits.explain(
    name,
    offers.filter((model) => findModel([model], name) !== undefined)
  )
  if (tooDear !== undefined) return tooDear
  if (departure !== undefined) return gone(name, departure, now)
  if (offers.length === 0) return new NoProviderError(`No contributor that serves ${name} can be reached now`)
  return new ModelNotFoundError(`No contributor in reach serves the model ${name}`)
}

function gone(name: string, { peers, at, removed }: Departure, now: number): LobstahError {
  const seconds = Math.max(0, Math.round((now - at) / 1000))
  const [first, ...others] = peers
  const who = others.length === 0 ? first : `${first} and ${others.length} more`
  const what = `${name} was served by ${who} until ${seconds} s ago (${new Date(at).toISOString()})`
  if (!removed && Math.abs(now - at) < EXPECTED_BACK_MS)
    return new NoProviderError(`${what}. It may be back soon: try again in a few seconds.`, {
      retryAfterMs: RETRY_MS
    })
  return new ModelDepartedError(`${what} and is not served any more`)
}
