import type { OfferedModel, Provider } from '../../../protocols/index.ts'
import type { Standing } from '../peers/peer-health.ts'
import type { Pace } from '../peers/pace.ts'

/** A provider's relation to this node: its own engine, a friend, a peer that it owes, a member of its private mesh, or none of these. */
export type Relation = 'own' | 'friend' | 'creditor' | 'member' | 'stranger'

/** A provider that serves the model, with all that decides whether and how soon it is asked: plain data. */
export interface Candidate {
  provider: Pick<Provider, 'peer' | 'route'>
  model: OfferedModel
  /** Tokens that the model holds there as far as is known; null where it is not. */
  contextLength: number | null
  /** Requests running and waiting there, per slot. */
  load: number
  /** Requests answered at once there. @default 1 */
  slots?: number
  /** Median time to the first token, in milliseconds; null when it was never asked. */
  firstTokenMs: number | null
  /** How fast it answers this model, as measured; absent where it never was. */
  pace?: Pace | undefined
  /** Round trip to it, in milliseconds; absent where it is not measured. */
  roundTripMs?: number | undefined
  /** Whether its connections failed lately: it is not asked before a probe has succeeded. */
  excluded: boolean
  /** Whether it broke off answers twice in a row lately. @default false */
  failing?: boolean
  /** The part of its requests that failed, lately. @default what is usual */
  failureRate?: number
  /** How it has done. @default by whether its time to the first token is known */
  standing?: Standing
  /** @default 'stranger', and 'own' on the local route */
  relation?: Relation
  /** Whether this node asks peers of its relation at all. @default true */
  allowed?: boolean
  /** Whether it asks more than this node pays. @default false */
  tooDear?: boolean
  /** Whether it can go on with the answer, where one was begun. @default true */
  continues?: boolean
  /** Whether it was asked for this request before, in vain. @default false */
  tried?: boolean
  /** Tokens of this request's prompt that its engine still holds. @default 0 */
  warmTokens?: number
  /** Tokens that it bills for a text, as a multiple of what others bill for the same model. @default 1 */
  billing?: number
}

/** Why a candidate is not asked, whatever its terms. */
export type Exclusion =
  /** This node's owner confines requests to others. */
  | 'not_allowed'
  /** It asks more than this node pays. */
  | 'price'
  /** Its context does not hold the prompt and the answer, or another candidate's holds more of them. */
  | 'context'
  /** It cannot go on with what another contributor has begun. */
  | 'continue'
  /** Its connections failed, and no probe has succeeded since. */
  | 'unreachable'
  /** It refused or failed this request. */
  | 'tried'

/** The terms of the expected time to finish, in milliseconds; `price` and `relation` may be negative. */
export interface Terms {
  /** Round trips until the request is there and the first token is back. */
  path: number
  /** Until a slot is free. */
  queue: number
  /** Until the model is in memory. */
  load: number
  /** Until the prompt is read, without what the engine still holds of it. */
  prefill: number
  /** Until the answer is written. */
  decode: number
  /** The cost of its failures, by how often it fails. */
  risk: number
  /** The weight of its price, compared with the cheapest. */
  price: number
  /** The weight of its relation to this node. */
  relation: number
}

/** A candidate as judged for one request. */
export interface Judged<C extends Candidate = Candidate> {
  candidate: C
  /** Empty for one that may be asked. */
  exclusions: Exclusion[]
  terms: Terms
  /** Milliseconds until the whole answer is here: the terms but for price and relation. */
  finishMs: number
  /** The score of a candidate, the sum of all terms. Lower is better. */
  score: number
  /** Capabilities that the request wants and the model lacks there: those that lack fewest are asked first. */
  lacks: string[]
  /** Whether its pace is known by this node's own measurement. */
  known: boolean
}

/** A candidate's relation to this node. */
export function relationOf({
  relation,
  provider
}: Pick<Candidate, 'relation'> & { provider: Pick<Provider, 'route'> }): Relation {
  return relation ?? (provider.route === 'local' ? 'own' : 'stranger')
}
