import { CreditExhaustedError, inCredits, type Price } from '../../../protocols/index.ts'
import type { Ledger } from '../../ledger/index.ts'
import { Reservation, type ReservedTokens } from './reservation.ts'

/** Credit lines, in micro-credits. */
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

/**
 * Holds the credit lines at every moment: debt and reservations together never exceed a consumer's line, nor the line
 * that it shares with others. Orders reserve what they may come to before the work is done.
 */
export class Credit {
  readonly #init: CreditInit
  readonly #ledger: Pick<Ledger, 'owedBy' | 'owedTogether'>
  /** The most that each consumer's running orders may still add to its debt. */
  readonly #reserved = new Map<string, number>()

  constructor(init: CreditInit, ledger: Pick<Ledger, 'owedBy' | 'owedTogether'>) {
    this.#init = init
    this.#ledger = ledger
  }

  /** The most that a consumer's running orders may still add to its debt, in micro-credits. */
  reserved(consumer: string): number {
    return this.#reserved.get(consumer) ?? 0
  }

  /** Throws CreditExhaustedError, saying balance and limit, where a consumer has used its line up. */
  check(consumer: string): void {
    this.#checkRoom(consumer, 1)
  }

  /** Reserves what an order comes to at first. Throws CreditExhaustedError, saying balance and limit. */
  reserve(consumer: string, price: Price, tokens: ReservedTokens): Reservation {
    return new Reservation(tokens, {
      price,
      hold: (amount) => {
        this.#checkRoom(consumer, amount)
        this.#reserved.set(consumer, this.reserved(consumer) + amount)
      },
      free: (amount) => {
        const left = this.reserved(consumer) - amount
        if (left > 0) this.#reserved.set(consumer, left)
        else this.#reserved.delete(consumer)
      }
    })
  }

  #checkRoom(consumer: string, amount: number): void {
    const { creditLine, sharedLine } = this.#init
    const owed = this.#ledger.owedBy(consumer)
    const reserved = this.reserved(consumer)
    const limit = creditLine(consumer)
    const running = reserved > 0 ? ` and your running orders may add ${inCredits(reserved)}` : ''
    const balance = `You owe this contributor ${inCredits(owed)}${running}`
    if (owed + reserved + amount > limit) {
      const wanted = amount > 1 ? ` The next step needs ${inCredits(amount)}.` : ''
      throw new CreditExhaustedError(
        `${balance}; its credit line for you is ${inCredits(limit)}.${wanted} ${EARN}`
      )
    }
    // A consumer that has earned shares the line too, from where its earnings end.
    const added = owed + reserved + amount - Math.max(0, owed + reserved)
    if (added <= 0 || sharedLine?.covers(consumer) !== true) return
    const together = this.#ledger.owedTogether(sharedLine.covers, this.#reserved)
    if (together + added <= sharedLine.limit) return
    throw new CreditExhaustedError(
      `${balance}; strangers together owe it ${inCredits(together)}, running orders included, and its credit line for ` +
        `all of them is ${inCredits(sharedLine.limit)}. Become its friend. ${EARN}`
    )
  }
}
