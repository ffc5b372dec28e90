import type { Connection, Logger, PeerId, PrivateKey } from '@libp2p/interface'
import {
  ACKNOWLEDGEMENT,
  BusyError,
  InvalidFrameError,
  InvalidRecordError,
  MAX_UNSEEN_CREDITS_A_DAY,
  MAX_UNSEEN_CREDITS_OF_ONE,
  ORDER,
  RECEIPT,
  open,
  reconcile,
  seal,
  sha256,
  type AcceptableCounts,
  type ClaimFrame,
  type ClaimReply,
  type DisputeReason,
  type Order,
  type Receipt,
  type SignedRecord
} from '../../../protocols/index.ts'
import type { Contributor } from '../../discovery/index.ts'
import type { Deal, Ledger } from '../../ledger/index.ts'
import { judgeClaim, unseenCredits } from './judge-claim.ts'
import type { Purchases } from './purchases.ts'

/** Shortest time between two exchanges with a contributor whose answers break off, in milliseconds. */
const SOON_MS = 10_000

/** The same with one that all is settled with. */
const ROUTINE_MS = 5 * 60_000

/** Credits accepted unseen in a day. */
const UNSEEN = { all: MAX_UNSEEN_CREDITS_A_DAY, each: MAX_UNSEEN_CREDITS_OF_ONE }

export interface ReconcilerComponents {
  ledger: Ledger
  privateKey: PrivateKey
  /** This node's peer id. */
  peer: string
  purchases: Purchases
  log: Logger
  /** Milliseconds since 1970. */
  now: () => number
}

/** Settles with contributors what broke off: acknowledges what they can claim, and disputes the rest. */
export class Reconciler {
  readonly #components: ReconcilerComponents
  readonly #stopped = new AbortController()
  readonly #running = new Map<string, Promise<void>>()
  /** When each contributor in reach was last asked, in milliseconds since 1970. */
  readonly #asked = new Map<string, number>()
  /** Contributors of which an answer broke off since. */
  readonly #broken = new Set<string>()
  /** Contributors whose claim came before this node was done with the answer: they are asked again at once. */
  readonly #early = new Set<string>()
  /** Orders in dispute, by contributor. */
  readonly #disputes = new Map<string, Set<string>>()

  constructor(components: ReconcilerComponents) {
    this.#components = components
  }

  /** Asks those contributors in reach whose turn it is: newcomers at once. */
  visit(contributors: Contributor[], connectionTo: (id: PeerId) => Connection | undefined): void {
    const present = new Set(contributors.map(({ peer }) => peer))
    for (const peer of this.#asked.keys()) if (!present.has(peer)) this.#asked.delete(peer)
    for (const { peer, id } of contributors) {
      const connection = connectionTo(id)
      if (connection === undefined || this.#running.has(peer) || this.#stopped.signal.aborted) continue
      const wait = this.#broken.has(peer) ? SOON_MS : ROUTINE_MS
      const asked = this.#asked.get(peer)
      // Either way: a clock that was set back must not put it off until it is that late again.
      if (asked !== undefined && Math.abs(this.#components.now() - asked) < wait) continue
      this.#asked.set(peer, this.#components.now())
      this.#broken.delete(peer)
      const run = this.#ask(peer, connection).finally(() => this.#running.delete(peer))
      this.#running.set(peer, run)
    }
  }

  /** An answer of this contributor broke off: it is asked soon. */
  brokeOff(peer: string): void {
    this.#broken.add(peer)
    if (this.#early.delete(peer)) this.#asked.delete(peer)
  }

  /** How many orders this node disputes with a contributor. */
  disputes(peer: string): number {
    return this.#disputes.get(peer)?.size ?? 0
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await Promise.all(this.#running.values())
  }

  async #ask(peer: string, connection: Connection): Promise<void> {
    const { signal } = this.#stopped
    try {
      await reconcile(connection, (claim) => this.#decide(peer, claim), { signal })
    } catch (err) {
      // A later exchange, soon, goes on where this one ended: the peer may have been frozen.
      this.#broken.add(peer)
      if (!signal.aborted) this.#components.log('settling with %s ended early - %e', peer, err)
    }
  }

  async #decide(peer: string, claim: ClaimFrame): Promise<ClaimReply> {
    const { ledger, peer: consumer, purchases, now } = this.#components
    const { order, receipt } = await openClaim(claim, consumer, peer)
    if (purchases.running(order.id)) {
      this.#broken.add(peer)
      this.#early.add(peer)
      throw new BusyError('The order is still being answered')
    }
    const [deal] = await ledger.deals({ order: order.id, limit: 1 })
    // Settled and archived long ago: nothing can be compared with it any more, and nothing is open.
    if (deal === undefined && (await ledger.hasOrder(order.id)))
      return this.#dispute(peer, receipt, 'exposure')
    const said = deal === undefined ? undefined : saidBefore(deal, claim, receipt)
    if (said !== undefined) return typeof said === 'string' ? this.#dispute(peer, receipt, said) : said
    const acknowledged = deal?.acknowledged ?? undefined
    const context = {
      order,
      orderHash: sha256(claim.order.payload),
      acknowledged: acknowledged && (await open(RECEIPT, acknowledged.record)),
      transcript: purchases.broken(order.id),
      limit: purchases.limit(order.id),
      most: purchases.most(order.id),
      now: now()
    }
    const reason = judgeClaim(receipt, context)
    if (reason !== undefined) return this.#dispute(peer, receipt, reason, context.most)
    const unseen = unseenCredits(receipt, context)
    // Not for ever: it is accepted when a day has passed.
    if (unseen !== undefined && !(await ledger.takeUnseen(peer, unseen, UNSEEN)))
      return this.#dispute(peer, receipt, 'exposure')
    return { type: 'acknowledgement', acknowledgement: await this.#acknowledge(claim, receipt) }
  }

  async #acknowledge(claim: ClaimFrame, receipt: Receipt): Promise<SignedRecord> {
    const { ledger, privateKey, purchases, now } = this.#components
    const { order, consumer, contributor, seq } = receipt
    const receiptHash = sha256(claim.receipt.payload)
    const acknowledgement = { order, consumer, contributor, seq, receiptHash, issuedAt: now() }
    const signed = await seal(ACKNOWLEDGEMENT, acknowledgement, privateKey)
    await ledger.append([
      { kind: 'order', record: claim.order },
      { kind: 'receipt', record: claim.receipt },
      { kind: 'acknowledgement', record: signed }
    ])
    purchases.settle(order)
    this.#disputes.get(contributor)?.delete(order)
    return signed
  }

  #dispute(
    peer: string,
    { order, seq }: Receipt,
    reason: DisputeReason,
    acceptable?: AcceptableCounts
  ): ClaimReply {
    this.#components.log('disputes the claim of %s for order %s: %s', peer, order, reason)
    const disputes = this.#disputes.get(peer) ?? new Set()
    this.#disputes.set(peer, disputes.add(order))
    const counts = reason === 'implausible' && acceptable !== undefined ? { acceptable } : {}
    return { type: 'dispute', order, seq, reason, ...counts }
  }
}

/** A claim's records, verified. Throws InvalidFrameError when they are not between the two, or of one order. */
async function openClaim(
  claim: ClaimFrame,
  consumer: string,
  contributor: string
): Promise<{ order: Order; receipt: Receipt }> {
  try {
    const order = await open(ORDER, claim.order, consumer)
    const receipt = await open(RECEIPT, claim.receipt, contributor)
    if (order.contributor === contributor && receipt.order === order.id) return { order, receipt }
  } catch (err) {
    if (!(err instanceof InvalidRecordError)) throw err
    throw new InvalidFrameError(err.message, { cause: err })
  }
  throw new InvalidFrameError('The claim is not for an order placed with this contributor')
}

/** The reply that follows from an earlier acknowledgement; undefined if none covers the claim. */
function saidBefore(deal: Deal, claim: ClaimFrame, receipt: Receipt): ClaimReply | DisputeReason | undefined {
  const { order, acknowledgement, acknowledged } = deal
  if (order.record.payload !== claim.order.payload) return 'not_ordered'
  if (acknowledgement?.seq == null || acknowledged === null) return undefined
  if (acknowledgement.seq < receipt.seq) return undefined
  const said = { type: 'acknowledgement' as const, acknowledgement: acknowledgement.record }
  if (acknowledgement.seq > receipt.seq) return { ...said, receipt: acknowledged.record }
  return acknowledged.record.payload === claim.receipt.payload ? said : 'two_receipts'
}
