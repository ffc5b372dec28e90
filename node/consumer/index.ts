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
import type { Explanation, RouteReason } from './explaining/explanation.ts'
import type { LastResort } from './naming/last-resort.ts'
import { NamedConsumer } from './naming/named-consumer.ts'
import type { Standing } from './peers/peer-health.ts'
import type { Paid } from './peers/spending.ts'
import type { TokenDrift } from './peers/token-drift.ts'

export type { Candidate, Exclusion, Judged, Relation, Terms } from './choice/judged.ts'
export type { Explanation, RouteReason } from './explaining/explanation.ts'
export { AUTO } from './naming/model-name.ts'
export type { LastResort } from './naming/last-resort.ts'
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
  /** Names that stand for others. @default none */
  aliases?: Readonly<Record<string, string>>
  /** The user's own names for peers. @default none */
  petnames?: Readonly<Record<string, string>>
  /** Models to ask when the request's cannot be served, in order. @default none */
  fallback?: readonly string[]
  /** Milliseconds that a busy model is waited for while a fallback is left. @default 5000 */
  fallbackAfterMs?: number
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
  /** Answers what the mesh cannot, where its owner allows that. */
  lastResort?: LastResort
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
  /** Tokens a second that each model wrote, by name, as measured lately; absent where nothing was. */
  speeds?: Record<string, number>
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

/** Asks for models by their own names. */
export interface Asker extends Startable {
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

/** How a name is read. */
export interface NameOptions {
  /** Whether upper and lower case are different letters. @default false */
  exactCase?: boolean
}

/** A name that is no model's own, and the model that it stands for now. */
export interface ListedName extends ListedModel {
  /** The model's own name. */
  model: string
}

/** How a request is asked for: by which names, and what is told of it. */
export interface ConsumerInferOptions extends InferOptions, NameOptions {
  /** Models to ask when the request's cannot be served, in order. @default those of the settings */
  fallback?: readonly string[]
  /** Whether the last resort may be asked, where the settings name one. @default true */
  lastResort?: boolean
  /** The id by which the request is explained. @default it is not kept */
  requestId?: string
  /** Whether the caller may ask for a model that a name stands for. @default any */
  allowsModel?: (model: string) => boolean
  /** Whether the caller was told which model answers: then no other is asked. @default never */
  committed?: () => boolean
  /** Told why a contributor is asked, before it accepts. */
  onRoute?: (reason: RouteReason) => void
}

/** Asks for models by any name: their own, aliases, `model@digest`, `model@peer`, `auto`, each with fallbacks. */
export interface Consumer extends Asker {
  infer(request: InferenceRequest, options?: ConsumerInferOptions): AsyncIterable<AnswerEvent>
  /** Names that stand for models that can be asked now: aliases and `auto`. */
  names(): ListedName[]
  /** The model that a name stands for now. Throws what {@link Consumer.infer} throws for the name. */
  lookUp(name: string, options?: NameOptions): ListedModel
  /** All names that a name goes by on its way to a model, itself first. */
  spellings(name: string, options?: NameOptions): string[]
  /** Why a recent request was answered by whom, one for each of its choices; none where it is not known any more. */
  explained(request: string): readonly Explanation[]
  /** The latest explanations, newest first. */
  recent(): Explanation[]
  /** Who would be asked for a model now, and who would not. Throws what {@link Consumer.infer} throws for the name. */
  explain(name: string, options?: NameOptions): Explanation
}

/** Asks the mesh, and this node's own engine first. */
export function consumer(init: ConsumerInit): (components: ConsumerComponents) => Consumer {
  return (components) => new NamedConsumer(init, components, new LobstahConsumer(init, components))
}
