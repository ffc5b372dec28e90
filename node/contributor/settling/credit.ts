import { CreditExhaustedError } from '../../../protocols/index.ts'
import type { Ledger } from '../../ledger/index.ts'

/** What may be owed, in micro-credits. */
export interface CreditInit {
  /** The most a peer may owe. */
  creditLine: (peer: string) => number
  /** The most that some owe together: a new key costs nothing, so that a line for each bounds nothing. */
  sharedLine?: SharedLine | undefined
}

/** A credit line for several. */
export interface SharedLine {
  limit: number
  covers: (peer: string) => boolean
}

const EARN =
  'Serve it with lobstah-node --contribute to earn, ask another contributor, or have its owner raise creditLine.'

/** Micro-credits as credits. */
function credits(microCredits: number): string {
  const amount = (microCredits / 1_000_000).toLocaleString('en-US', { maximumFractionDigits: 6 })
  return `${amount} ${amount === '1' ? 'credit' : 'credits'}`
}

/**
 * Throws CreditExhaustedError, saying balance and limit, where a consumer owes as much as it may, or those with whom
 * it shares a line do: who has earned is served all the same.
 */
export function checkCredit(
  consumer: string,
  { creditLine, sharedLine }: CreditInit,
  ledger: Pick<Ledger, 'owedBy' | 'owedTogether'>
): void {
  const limit = creditLine(consumer)
  const owed = ledger.owedBy(consumer)
  if (owed >= limit) {
    throw new CreditExhaustedError(
      `You owe this contributor ${credits(owed)} and its credit line for you is ${credits(limit)}. ${EARN}`
    )
  }
  if (owed < 0 || sharedLine?.covers(consumer) !== true) return
  const together = ledger.owedTogether(sharedLine.covers)
  if (together < sharedLine.limit) return
  throw new CreditExhaustedError(
    `You owe this contributor ${credits(owed)}; strangers together owe it ${credits(together)}, and its credit line for ` +
      `all of them is ${credits(sharedLine.limit)}. Become its friend. ${EARN}`
  )
}
