/**
 * @packageDocumentation
 *
 * Asks: finds who serves a model, picks one, places a signed order, checks what comes back, goes on to the
 * next when a contributor fails before its first token, and settles.
 */
import type { Libp2p, Logger, PrivateKey, Startable } from '@libp2p/interface'
import type { AnswerEvent, InferenceRequest, OfferedModel, Provider, Route } from '../../protocols/index.ts'
import type { Directory } from '../discovery/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { LobstahConsumer } from './consumer.ts'

export interface ConsumerInit {
  /** Whether a peer is asked at all. */
  allows: (peer: string) => boolean
}

/** This node's own engine, and how full it is: requests running and waiting, per slot. */
export interface LocalProvider {
  provider: Provider
  load: () => number
}

export interface ConsumerComponents {
  libp2p: Libp2p
  directory: Directory
  ledger: Ledger
  /** This node's own engine, or nothing. */
  local: LocalProvider[]
  privateKey: PrivateKey
  /** This node's peer id. */
  peer: string
  log: Logger
  /** Milliseconds since 1970. */
  now: () => number
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
  /** `up`; `excluded` for a while after failures; `down` when the connection is lost. */
  state: 'up' | 'excluded' | 'down'
  models: string[]
  slots: number
  active: number
  queued: number
  /** Requests answered and failed since start. */
  answered: number
  failed: number
  /** Median time to the first token, in milliseconds, of the latest answers; null before the first. */
  firstTokenMs: number | null
}

export interface InferOptions {
  signal?: AbortSignal
}

export interface Consumer extends Startable {
  /** Models that somebody serves now, by name. */
  models(): ListedModel[]
  peers(): PeerStatus[]
  /**
   * Answers a request by this node's own engine or a peer's. Throws ModelNotFoundError, NoProviderError, or
   * the last contributor's error. Aborting the signal cancels the work and settles what was delivered.
   */
  infer(request: InferenceRequest, options?: InferOptions): AsyncIterable<AnswerEvent>
}

/** Asks the mesh, and this node's own engine first. */
export function consumer(init: ConsumerInit): (components: ConsumerComponents) => Consumer {
  return (components) => new LobstahConsumer(init, components)
}
