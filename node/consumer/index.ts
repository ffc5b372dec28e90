/**
 * @packageDocumentation
 *
 * Asks: finds who serves a model, picks one, places a signed order, checks what comes back, goes on to the
 * next when a contributor fails, also in the middle of an answer, and settles.
 */
import type { Connection, Libp2p, Logger, PrivateKey, Startable } from '@libp2p/interface'
import type {
  AnswerEvent,
  InferOptions,
  InferenceRequest,
  OfferedModel,
  Price,
  Provider,
  Route
} from '../../protocols/index.ts'
import type { Directory } from '../discovery/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Path } from '../reach/index.ts'
import { LobstahConsumer } from './consumer.ts'
import type { Relation } from './choice/judged.ts'
import type { Resume } from './continuing/unbroken.ts'
import type { Standing } from './peers/peer-health.ts'
import type { Paid } from './peers/spending.ts'
import type { TokenDrift } from './peers/token-drift.ts'

export type { Candidate, Exclusion, Judged, Relation, Terms } from './choice/judged.ts'
export { Creditors } from './settling/creditors.ts'
export type { Resume } from './continuing/unbroken.ts'
export type { TokenDrift } from './peers/token-drift.ts'

export interface ConsumerInit {
  /** Whether a peer is asked at all. */
  allows: (peer: string) => boolean
  /** What a peer is to this node. @default a stranger */
  relation?: (peer: string) => Relation
  /** The most to pay for a token of a model, in micro-credits; no limit where it names none. */
  maxPrice?: Readonly<Record<string, Price>>
  /** Who may go on with an answer that broke off. */
  resume: Resume
}

/** A provider, and how full it is: requests running and waiting, per slot. */
export interface LocalProvider {
  provider: Provider
  load: () => number
  /** Requests answered at once. @default 1 */
  slots?: number
}

export interface ConsumerComponents {
  libp2p: Libp2p
  directory: Directory
  ledger: Ledger
  /** This node's own engine, or nothing. */
  local: LocalProvider[]
  privateKey: PrivateKey
  /** How a connection really goes. */
  pathOf: (connection: Connection) => Path
  /** This node's peer id. */
  peer: string
  log: Logger
  /** Milliseconds since 1970. */
  now: () => number
  observer?: ConsumerObserver
}

/** Told of what is worth counting, once an attempt. */
export interface ConsumerObserver {
  /** A contributor, or this node's own engine, is asked. */
  attempted(route: Route): void
  /** An attempt failed, with a code of `protocols/README.md`. */
  failed(code: string): void
  /** Another is asked after a failure. */
  failedOver(): void
}

/** A model that can be asked for now. */
export interface ListedModel extends OfferedModel {
  /** The peers that serve it, this node's own id among them where it does. */
  peers: string[]
}

/** What this node knows of one contributor. */
export interface PeerStatus {
  peer: string
  route: Route
  /** The route in more detail; null while there is no connection. */
  path: Path | null
  /** `up`; `excluded` for a while after failures; `down` when the connection is lost. */
  state: 'up' | 'excluded' | 'down'
  models: string[]
  /** Tokens that each model holds there as far as is known, by name; null where it is not. */
  contexts: Record<string, number | null>
  slots: number
  active: number
  queued: number
  /** Requests answered and failed since start. */
  answered: number
  failed: number
  /** Median time to the first token, in milliseconds, of the latest answers; null before the first. */
  firstTokenMs: number | null
  /** Orders of which this node disputes the peer's claim since start. */
  disputes?: number
  /** What was paid to it since start, where that is not the default prices. */
  paid?: Paid | undefined
  /** Models whose tokens the peer counts otherwise than the others who serve them. */
  tokenDrift?: TokenDrift[]
}

export interface Consumer extends Startable {
  /** How a peer has done since start. */
  standing(peer: string): Standing
  /** Models that somebody serves now, by name. */
  models(): ListedModel[]
  peers(): PeerStatus[]
  /**
   * Answers a request by this node's own engine or a peer's. Throws ModelNotFoundError, ModelDepartedError, NoProviderError, or
   * the last contributor's error. Aborting the signal cancels the work and settles what was delivered.
   */
  infer(request: InferenceRequest, options?: InferOptions): AsyncIterable<AnswerEvent>
}

/** Asks the mesh, and this node's own engine first. */
export function consumer(init: ConsumerInit): (components: ConsumerComponents) => Consumer {
  return (components) => new LobstahConsumer(init, components)
}
