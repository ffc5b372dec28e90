import {
  CLOCK_SKEW_MS,
  MAX_UNSEEN_RECEIPTS,
  MAX_UNSEEN_TOKENS,
  cost,
  plausibleCompletionTokens,
  type DisputeReason,
  type Order,
  type Receipt,
  type Transcript
} from '../../../protocols/index.ts'
import type { TokenCounts } from '../../tokens/index.ts'
import { exceeds } from './judge-counts.ts'
import type { Limit } from './purchases.ts'

export interface ClaimContext {
  order: Order
  /** SHA-256 of the order's payload. */
  orderHash: string
  /** The last receipt that was acknowledged. */
  acknowledged: Receipt | undefined
  /** The delivered deltas; undefined if a crash lost them. */
  transcript: Transcript | undefined
  /** The most that is owed beyond the acknowledged receipts, if that is limited. */
  limit: Limit | undefined
  /** The most tokens that the request and what was delivered can have; undefined where a crash lost it. */
  most?: TokenCounts | undefined
  /** Milliseconds since 1970. */
  now: number
}

/**
 * Why a receipt that comes after its answer broke off cannot be accepted; undefined where it can. See
 * `protocols/receipts/README.md`: what was seen is checked, what was not is bounded.
 */
export function judgeClaim(receipt: Receipt, context: ClaimContext): DisputeReason | undefined {
  const { acknowledged } = context
  if (!isOrdered(receipt, context)) return 'not_ordered'
  if (context.limit === 'nothing' && receipt.credits > (acknowledged?.credits ?? 0)) return 'forfeited'
  if (acknowledged !== undefined && !follows(receipt, acknowledged)) return 'implausible'
  const nothing =
    receipt.deltas === 0 && receipt.credits + receipt.promptTokens + receipt.completionTokens > 0
  if (nothing && (context.limit !== 'prompt' || receipt.completionTokens > 0)) return 'implausible'
  const { most } = context
  if (most !== undefined && receipt.promptTokens > most.promptTokens) return 'implausible'
  if (wasSeen(receipt, context.transcript)) {
    const point = context.transcript?.at(receipt.deltas)
    if (point?.hash !== receipt.transcriptHash) return 'transcript'
    if (most !== undefined && exceeds(receipt, most)) return 'implausible'
    return receipt.completionTokens > plausibleCompletionTokens(point.bytes) ? 'implausible' : undefined
  }
  const missing = receipt.seq - (acknowledged?.seq ?? -1)
  const unseen = receipt.completionTokens - (acknowledged?.completionTokens ?? 0)
  return unseen > MAX_UNSEEN_TOKENS || missing > MAX_UNSEEN_RECEIPTS ? 'exposure' : undefined
}

/** Micro-credits that a receipt adds over text that was not seen; undefined where all of it was. */
export function unseenCredits(
  receipt: Receipt,
  { acknowledged, transcript }: Pick<ClaimContext, 'acknowledged' | 'transcript'>
): number | undefined {
  if (wasSeen(receipt, transcript)) return undefined
  return receipt.credits - (acknowledged?.credits ?? 0)
}

function wasSeen(receipt: Receipt, transcript: Transcript | undefined): boolean {
  return transcript !== undefined && receipt.deltas <= transcript.deltas
}

/** Whether a receipt is its order's, within the order's bounds and at its price. */
function isOrdered(receipt: Receipt, { order, orderHash, now }: ClaimContext): boolean {
  return (
    receipt.order === order.id &&
    receipt.orderHash === orderHash &&
    receipt.consumer === order.consumer &&
    receipt.contributor === order.contributor &&
    receipt.model === order.model &&
    receipt.digest === order.digest &&
    receipt.final === (receipt.finishReason !== null) &&
    receipt.startedAt <= receipt.completedAt &&
    receipt.completedAt <= now + CLOCK_SKEW_MS &&
    receipt.completedAt >= order.issuedAt - CLOCK_SKEW_MS &&
    receipt.promptTokens <= order.maxPromptTokens &&
    receipt.completionTokens <= order.maxCompletionTokens &&
    receipt.credits === cost(order.price, receipt.promptTokens, receipt.completionTokens)
  )
}

function follows(receipt: Receipt, before: Receipt): boolean {
  return (
    !before.final &&
    receipt.promptTokens >= before.promptTokens &&
    receipt.completionTokens >= before.completionTokens &&
    receipt.deltas >= before.deltas
  )
}
