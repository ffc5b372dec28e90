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

export interface ClaimContext {
  order: Order
  /** SHA-256 of the order's payload. */
  orderHash: string
  /** The last receipt that was acknowledged. */
  acknowledged: Receipt | undefined
  /** What was delivered; undefined where a crash lost it. */
  transcript: Transcript | undefined
  /** The contributor has forfeited what is not acknowledged. */
  forfeited: boolean
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
  if (context.forfeited && receipt.credits > (acknowledged?.credits ?? 0)) return 'forfeited'
  if (acknowledged !== undefined && !follows(receipt, acknowledged)) return 'implausible'
  if (receipt.deltas === 0 && receipt.credits > 0) return 'implausible'
  const unseen = unseenTokens(receipt, context)
  if (unseen === undefined) {
    const point = context.transcript?.at(receipt.deltas)
    if (point?.hash !== receipt.transcriptHash) return 'transcript'
    return receipt.completionTokens > plausibleCompletionTokens(point.bytes) ? 'implausible' : undefined
  }
  const missing = receipt.seq - (acknowledged?.seq ?? -1)
  return unseen > MAX_UNSEEN_TOKENS || missing > MAX_UNSEEN_RECEIPTS ? 'exposure' : undefined
}

/** How many completion tokens a receipt adds over text that was not seen; undefined where all of it was. */
export function unseenTokens(
  receipt: Receipt,
  { acknowledged, transcript }: Pick<ClaimContext, 'acknowledged' | 'transcript'>
): number | undefined {
  if (transcript !== undefined && receipt.deltas <= transcript.deltas) return undefined
  return receipt.completionTokens - (acknowledged?.completionTokens ?? 0)
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
