import type { Connection, Logger, Stream } from '@libp2p/interface'
import {
  ACKNOWLEDGEMENT,
  BusyError,
  InvalidFrameError,
  InvalidRecordError,
  RECEIPT,
  UnacknowledgedError,
  open,
  serveReceipts,
  sha256,
  type ClaimReply,
  type OpenClaim
} from '../../../protocols/index.ts'
import { LedgerConflictError, LedgerRecordError, type Ledger, type LedgerRecord } from '../../ledger/index.ts'

/** Exchanges that one consumer may begin in {@link WINDOW_MS}. */
const MAX_EXCHANGES = 6

const WINDOW_MS = 60_000

export interface ClaimDeskComponents {
  ledger: Ledger
  /** This node's peer id. */
  peer: string
  log: Logger
  /** Milliseconds since 1970. */
  now: () => number
}

/** Tells consumers what this node claims of them, and keeps what they say to it: `protocols/receipts`. */
export class ClaimDesk {
  readonly #components: ClaimDeskComponents
  /** Orders being served: their receipts are not claimed yet. */
  readonly #serving: ReadonlySet<string>
  /** When each consumer began its latest exchanges. */
  readonly #begun = new Map<string, number[]>()

  constructor(components: ClaimDeskComponents, serving: ReadonlySet<string>) {
    this.#components = components
    this.#serving = serving
  }

  /** Serves one exchange; never rejects. */
  readonly serve = async (stream: Stream, connection: Connection): Promise<void> => {
    const consumer = connection.remotePeer.toString()
    const source = this.#admit(consumer)
      ? {
          claims: (after: string, limit: number) => this.#claims(consumer, after, limit),
          replied: (claim: OpenClaim, reply: ClaimReply) => this.#replied(consumer, claim, reply)
        }
      : new BusyError('Too many exchanges of receipts', { retryAfterMs: WINDOW_MS })
    const err = await serveReceipts(stream, source)
    if (err !== undefined)
      this.#components.log('exchange of receipts with %s failed: %s', consumer, err.message)
  }

  #admit(consumer: string): boolean {
    const now = this.#components.now()
    // Either way: a clock that was set back must not refuse everybody until it is that late again.
    const isRecent = (time: number): boolean => Math.abs(now - time) < WINDOW_MS
    for (const [peer, times] of this.#begun) if (!times.some(isRecent)) this.#begun.delete(peer)
    const recent = (this.#begun.get(consumer) ?? []).filter(isRecent)
    if (recent.length >= MAX_EXCHANGES) return false
    this.#begun.set(consumer, [...recent, now])
    return true
  }

  async #claims(consumer: string, after: string, limit: number): Promise<OpenClaim[]> {
    const deals = await this.#components.ledger.claims(consumer, { after, limit: limit + this.#serving.size })
    return deals
      .filter(({ order }) => !this.#serving.has(order.order))
      .slice(0, limit)
      .flatMap(({ order, receipt }) =>
        receipt === null ? [] : [{ id: order.order, order: order.record, receipt: receipt.record }]
      )
  }

  async #replied(consumer: string, claim: OpenClaim, reply: ClaimReply): Promise<void> {
    const { ledger, log } = this.#components
    if (reply.type === 'dispute') {
      if (reply.order !== claim.id) throw new InvalidFrameError('The dispute is of another order')
      const { promptTokens, completionTokens } = reply.acceptable ?? {}
      const counts =
        reply.acceptable === undefined
          ? ''
          : `, and would accept ${promptTokens} prompt and ${completionTokens} completion tokens`
      log('%s disputes order %s: %s%s', consumer, claim.id, reply.reason, counts)
      await ledger.dispute(claim.id, consumer, reply.reason)
      return
    }
    try {
      await ledger.append(await this.#verified(consumer, claim, reply))
    } catch (err) {
      const wrong = [InvalidRecordError, LedgerConflictError, LedgerRecordError]
      if (wrong.some((kind) => err instanceof kind)) {
        throw new UnacknowledgedError('The acknowledgement is not of this claim', { cause: err })
      }
      throw err
    }
  }

  /** The records of a reply that the ledger stores. Throws InvalidRecordError and UnacknowledgedError. */
  async #verified(
    consumer: string,
    claim: OpenClaim,
    reply: Extract<ClaimReply, { type: 'acknowledgement' }>
  ): Promise<LedgerRecord[]> {
    const { peer } = this.#components
    const acknowledgement = await open(ACKNOWLEDGEMENT, reply.acknowledgement, consumer)
    const record = reply.receipt ?? claim.receipt
    // A receipt that this node lost counts as its own signature says.
    const receipt = await open(RECEIPT, record, peer)
    const same =
      receipt.order === claim.id &&
      receipt.orderHash === sha256(claim.order.payload) &&
      receipt.consumer === consumer &&
      acknowledgement.order === claim.id &&
      acknowledgement.contributor === peer &&
      acknowledgement.seq === receipt.seq &&
      acknowledgement.receiptHash === sha256(record.payload)
    if (!same) throw new UnacknowledgedError('The acknowledgement is of another receipt')
    return [
      { kind: 'receipt', record },
      { kind: 'acknowledgement', record: reply.acknowledgement }
    ]
  }
}
