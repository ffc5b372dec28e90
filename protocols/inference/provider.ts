import type { Receipt } from '../records/receipt.ts'
import type { SignedRecord } from '../records/signed-record.ts'
import type { Delta, FinishReason, Usage } from './answer.ts'
import type { ModelInfo, Price } from './model.ts'
import type { InferenceRequest } from './request.ts'
import type { Tier } from './tier.ts'

/** How an answer travels: by this node's own engine, on a direct connection, or through a relay. */
export type Route = 'local' | 'direct' | 'relayed'

/**
 * The events of one answer as a caller sees them, in order: `accepted` with the place in the contributor's queue (again
 * whenever another contributor goes on), `status` while
 * nothing else happens, `delta`s, and one `end` with the last contributor's final receipt, and the latest ones of those
 * `earlier` that broke off. A failure is thrown, never an early end.
 */
export type AnswerEvent =
  | { type: 'accepted'; peer: string; route: Route | 'last-resort'; model: string; position?: number }
  | { type: 'status'; phase: 'queued' | 'prefill' | 'generating'; position?: number; waitMs?: number }
  | { type: 'delta'; delta: Delta }
  | {
      type: 'end'
      finishReason: FinishReason
      usage: Usage
      receipt?: SignedRecord
      earlier?: SignedRecord[]
    }

/** A model that somebody serves, with what it costs there. */
export interface OfferedModel extends ModelInfo {
  price: Price
}

/** How one request is answered. */
export interface InferOptions {
  signal?: AbortSignal
  /** The client's own name for the session, by which its next request finds the peer that is warm for it. */
  session?: string
  /** W3C trace context, carried to the contributor that answers; see {@link TRACEPARENT}. */
  traceparent?: string
  /** Told of every receipt that was acknowledged: by how many micro-credits the answer's price has grown. */
  onSpent?: (microCredits: number) => void
  /** Told of every receipt that was acknowledged. */
  onReceipt?: (receipt: SignedRecord) => void
  /** How soon the request wants to be answered. @default 'interactive' */
  tier?: Tier
  /** Whose request it is among this node's own: the name of an API key. @default the owner's */
  key?: string
  /**
   * Awaited before a receipt is countersigned, so that the answer can be kept before it is paid for: `undelivered` is what the
   * caller was not given yet. Where it rejects, the receipt is not countersigned. It is not called for an answer that
   * another contributor goes on with.
   */
  beforeReceipt?: (receipt: Receipt, undelivered: readonly Delta[]) => Promise<void>
  /** Whether another contributor may go on with an answer that breaks off, as far as the node allows. @default true */
  resume?: boolean
  /** The client is shown nothing before the end: what broke off may be answered anew. @default false */
  held?: boolean
  /** Longest silence before a contributor accepts the order, in milliseconds. @default 10 s */
  acceptMs?: number
}

/** One place that answers requests: this node's own engine, or a peer's. */
export interface Provider {
  /** The peer's id; this node's own for its own engine. */
  readonly peer: string
  readonly route: Route
  models(): OfferedModel[]
  /** Answers one request. Throws a LobstahError; an aborted signal stops the engine at once. */
  infer(request: InferenceRequest, options?: InferOptions): AsyncIterable<AnswerEvent>
}
