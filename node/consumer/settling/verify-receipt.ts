import {
  CLOCK_SKEW_MS,
  InvalidRecordError,
  RECEIPT,
  ReceiptRefusedError,
  cost,
  open,
  type Order,
  type Receipt,
  type SignedRecord,
  type Transcript
} from '../../../protocols/index.ts'

export interface ReceiptContext {
  order: Order
  /** SHA-256 of the order's payload. */
  orderHash: string
  /** The delivery so far. */
  transcript: Transcript
  /** The receipt before this one. */
  previous: Receipt | undefined
  /** This consumer has cancelled the order: what was read of the prompt is owed, although nothing was delivered. */
  cancelled?: boolean
  /** Milliseconds since 1970. */
  now: number
}

/**
 * Verifies that a receipt is for what was ordered and delivered; `judge-counts.ts` judges its token counts. Throws
 * ReceiptRefusedError saying which of its claims is false.
 */
export async function verifyReceipt(record: SignedRecord, context: ReceiptContext): Promise<Receipt> {
  const { order, orderHash, previous, now } = context
  const receipt = await openReceipt(record, order.contributor)
  const refuse = (why: string): never => {
    throw new ReceiptRefusedError(`The receipt ${why}`)
  }
  if (receipt.order !== order.id || receipt.orderHash !== orderHash) refuse('is for another order')
  if (receipt.consumer !== order.consumer) refuse('names another consumer')
  if (receipt.model !== order.model || receipt.digest !== order.digest)
    refuse('names another model or digest')
  if (previous?.final === true) refuse('comes after the final one')
  if (receipt.seq !== (previous === undefined ? 0 : previous.seq + 1)) refuse('is out of sequence')
  if (receipt.final !== (receipt.finishReason !== null))
    refuse('is final without a finish reason, or the other way round')
  if (Math.abs(receipt.completedAt - now) > CLOCK_SKEW_MS)
    refuse('is not of this time: is a clock wrong by more than 5 minutes?')
  if (receipt.startedAt > receipt.completedAt) refuse('ends before it starts')
  checkAmounts(receipt, context, refuse)
  return receipt
}

function checkAmounts(receipt: Receipt, context: ReceiptContext, refuse: (why: string) => never): void {
  const { order, transcript, previous } = context
  const point = transcript.at(receipt.deltas)
  if (point === undefined) return refuse('covers other deltas than those delivered')
  if (!receipt.final && receipt.deltas <= (previous?.deltas ?? 0))
    refuse('is neither final nor covers anything new')
  const nothing =
    receipt.deltas === 0 && receipt.credits + receipt.promptTokens + receipt.completionTokens > 0
  if (nothing && (context.cancelled !== true || receipt.finishReason !== 'cancelled'))
    refuse('bills an answer of which nothing was delivered')
  if (nothing && receipt.completionTokens > 0)
    refuse('bills completion tokens of which nothing was delivered')
  if (receipt.final && point.deltas !== transcript.deltas)
    refuse('is final and does not cover all that was delivered')
  if (point.hash !== receipt.transcriptHash) refuse('covers another text than the one delivered')
  if (receipt.promptTokens > order.maxPromptTokens) refuse('bills more prompt tokens than were ordered')
  if (receipt.completionTokens > order.maxCompletionTokens)
    refuse('bills more completion tokens than were ordered')
  if (previous !== undefined && previous.promptTokens > receipt.promptTokens)
    refuse('takes prompt tokens back')
  if (previous !== undefined && previous.completionTokens > receipt.completionTokens)
    refuse('takes completion tokens back')
  if (receipt.credits !== cost(order.price, receipt.promptTokens, receipt.completionTokens)) {
    refuse('is not at the price that was ordered')
  }
}

async function openReceipt(record: SignedRecord, contributor: string): Promise<Receipt> {
  try {
    return await open(RECEIPT, record, contributor)
  } catch (err) {
    if (err instanceof InvalidRecordError) throw new ReceiptRefusedError(err.message, { cause: err })
    throw err
  }
}
