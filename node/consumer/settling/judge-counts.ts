import { ReceiptRefusedError, type Receipt } from '../../../protocols/index.ts'
import type { TokenBounds, TokenCounts } from '../../tokens/index.ts'

/** Whether a receipt bills more tokens than there can be. */
export function exceeds(
  { promptTokens, completionTokens }: Pick<Receipt, keyof TokenCounts>,
  most: TokenCounts
): boolean {
  return promptTokens > most.promptTokens || completionTokens > most.completionTokens
}

/**
 * Holds a receipt's counts against this consumer's own. Throws ReceiptRefusedError, naming the counts that would have
 * been accepted.
 */
export async function judgeCounts(
  receipt: Pick<Receipt, keyof TokenCounts>,
  bounds: TokenBounds,
  { cancelled = false } = {}
): Promise<void> {
  const { promptTokens, completionTokens } = receipt
  const most = await bounds.most({ promptTokens, completionTokens })
  // Of an answer that carries nothing only a consumer that has cancelled it owes anything: the prompt.
  if (!bounds.carried && !cancelled) most.promptTokens = 0
  if (!exceeds(receipt, most)) return
  const acceptable = {
    promptTokens: Math.min(promptTokens, most.promptTokens),
    completionTokens: Math.min(completionTokens, most.completionTokens)
  }
  throw new ReceiptRefusedError(
    `The receipt bills ${promptTokens} prompt tokens and ${completionTokens} completion tokens; for the request and what ` +
      `was delivered at most ${acceptable.promptTokens} and ${acceptable.completionTokens} are accepted`,
    { acceptable }
  )
}
