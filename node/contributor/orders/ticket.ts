import type { Tier } from '../../../protocols/index.ts'
import type { Share } from './fair-queue.ts'

/** What comes to the queue. */
export interface Entry {
  share: Share
  /** Of this node's own user, who comes first in each tier and does not count among the peers that wait. @default false */
  own?: boolean
  /** @default 'interactive' */
  tier?: Tier
  /** What its request document may take, in bytes. @default 0 */
  bytes?: number
}

/** What an answer took: its work in tokens, of which it wrote so many. */
export interface Used {
  work: number
  completionTokens: number
}

/** A request's place: in the queue until `turn` resolves, then in a slot, until `leave`. */
export interface Ticket {
  /** Fires when a running answer is to make room for a more urgent request; the reason is a BusyError. */
  readonly handover: AbortSignal
  /** Place in the queue, from 1; 0 when it is not in it. */
  position(): number
  /** The expected wait for a slot, in milliseconds; undefined while nothing was measured. */
  waitMs(): number | undefined
  /** Resolves when a slot is this ticket's. `work` is what it is expected to take. Throws the signal's reason when it fires first. */
  turn(signal: AbortSignal, work?: number): Promise<void>
  /** Gives place or slot back; says what the answer took, where it is known. */
  leave(used?: Used): void
}

/** One request on its way through the queue and its slot. */
export interface Waiter {
  share: Share
  /** Of this node's own user. */
  own: boolean
  tier: Tier
  /** What its request document may take, in bytes. */
  bytes: number
  /** What it is expected to take, in tokens. */
  work: number
  /** When it came, in milliseconds of the monotonic clock. */
  since: number
  /** When it got its slot; 0 before. */
  startedAt: number
  state: 'arriving' | 'waiting' | 'active' | 'left'
  turn: PromiseWithResolvers<void>
  handover: AbortController
}
