/**
 * @packageDocumentation
 *
 * Serves: checks orders, queues them before the engine, streams the answers with their receipts, and
 * announces what can be served.
 */
import type { Libp2p, Logger, PrivateKey, Startable } from '@libp2p/interface'
import type { OfferedModel, Price, Provider, Tier } from '../../protocols/index.ts'
import type { ProviderRecords } from '../discovery/index.ts'
import type { Engine } from '../engines/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { LobstahContributor } from './contributor.ts'
import type { Shares } from './orders/shares.ts'
import type { CreditInit } from './settling/credit.ts'

export { engineEvents } from './answers/engine-events.ts'
export { shares, type Weights } from './orders/shares.ts'
export type { SharedLine } from './settling/credit.ts'

export interface ContributorInit extends CreditInit {
  /** Whether the mesh is served; otherwise only this node's own user. */
  serve: boolean
  /** Requests answered at once. @default as many as the engine answers side by side where it tells, else 1 */
  slots: number | undefined
  /** Requests of peers that may wait for a slot. */
  queue: number
  /** How peers and keys share the engine. */
  shares: Shares
  /** Micro-credits per token, by model; by parameter count where a model has none. */
  prices: Readonly<Record<string, Price>>
  /** Whether a peer is served at all. */
  allows: (peer: string) => boolean
  /** Name and version of this program. */
  agent: string
  /** Longest time that running answers get when the node stops, in milliseconds. */
  drainMs: number
}

/** What the owner of the machine lets peers have, from moment to moment. */
export interface OwnerRules {
  /** Whether peers are served now. */
  readonly open: boolean
  /** Requests answered at once; undefined leaves it to the engine. */
  readonly slots: number | undefined
  /** Fires, with a PausedError, when peers have had their tokens: their running answers are handed over. */
  readonly over: AbortSignal
  /** Throws PausedError while they are not. */
  check(): void
  /** Whether peers get a model; `size` is in bytes. */
  offers(model: { id: string; size?: number | null }): boolean
  /** Counts tokens that a peer got. */
  used(tokens: number): void
  /** Calls back when `open`, `slots` or the models may have changed, until what it returns is called. */
  onChange(listener: () => void): () => void
}

export interface ContributorComponents {
  libp2p: Libp2p
  engine: Engine
  ledger: Ledger
  providerRecords: ProviderRecords
  privateKey: PrivateKey
  /** This node's peer id. */
  peer: string
  log: Logger
  /** Milliseconds since 1970. */
  now: () => number
  observer?: ContributorObserver
  /** @default everything is allowed */
  owner?: OwnerRules
}

/** Told of what is worth counting, once an order. */
export interface ContributorObserver {
  /** A request has its slot, after a wait of so many milliseconds. */
  started(tier: Tier, waitedMs: number): void
  /** An answer has ended, in whatever way, after so many completion tokens. */
  served(completionTokens: number): void
  /** An order was refused, or its answer failed, with a code of `protocols/README.md`. */
  failed(code: string): void
  /** The same as `served`, in full. */
  ended?(order: EndedOrder): void
}

/** An order that is being answered. */
export interface ServedOrder {
  /** The order's id. */
  id: string
  consumer: string
  model: string
  phase: 'queued' | 'prefill' | 'generating'
  /** Milliseconds since 1970. */
  startedAt: number
  /** Completion tokens so far. */
  tokens: number
  /** Milliseconds since the first token. */
  decodeMs: number
}

/** An order whose answer has ended. */
export interface EndedOrder {
  consumer: string
  model: string
  ok: boolean
  promptTokens: number
  completionTokens: number
  /** The price of what was delivered, in micro-credits. */
  credits: number
  /** Milliseconds until the first token; null where there was none. */
  firstTokenMs: number | null
  decodeMs: number
}

/** What a contributor can do now. */
export interface Capacity {
  models: OfferedModel[]
  slots: number
  active: number
  queued: number
  /** How many wait in each tier. */
  tiers: Record<Tier, number>
}

export interface Contributor extends Startable {
  capacity(): Capacity
  /** What a consumer's running orders may still add to what it owes, in micro-credits. */
  reserved(consumer: string): number
  /** The orders that are being answered. */
  served(): ServedOrder[]
  /** Stops the answer to an order; false where it is not being answered. */
  stopOrder(id: string): boolean
  /** This node's own engine, for its own user. */
  readonly provider: Provider
}

/** Serves an engine. */
export function contributor(init: ContributorInit): (components: ContributorComponents) => Contributor {
  return (components) => new LobstahContributor(init, components)
}
