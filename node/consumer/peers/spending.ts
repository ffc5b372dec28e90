import QuickLRU from 'quick-lru'
import { believedPrice, cost, type OfferedModel, type SignedRecord } from '../../../protocols/index.ts'

/** Contributors whose sums are kept; those paid longest ago are forgotten first. */
const MAX_PEERS = 1024

/** The amount paid to a contributor, and the default price of the same tokens, in micro-credits. */
export interface Paid {
  credits: number
  atDefault: number
}

interface Counts {
  promptTokens: number
  completionTokens: number
  credits: number
}

/** The amounts that this node has paid since start, compared with the default prices of the models' sizes. */
export class Spending {
  readonly #paid = new QuickLRU<string, Paid>({ maxSize: MAX_PEERS })

  /** Follows one order: returns what takes each of its receipts that was countersigned. They are cumulative. */
  follow(peer: string, model: OfferedModel): (record: SignedRecord) => void {
    const price = believedPrice(model)
    let before: Paid = { credits: 0, atDefault: 0 }
    return ({ payload }) => {
      const { promptTokens, completionTokens, credits } = JSON.parse(payload) as Counts
      const atDefault = cost(price, promptTokens, completionTokens) ?? Number.MAX_SAFE_INTEGER
      const paid = this.#paid.get(peer) ?? { credits: 0, atDefault: 0 }
      this.#paid.set(peer, {
        credits: paid.credits + credits - before.credits,
        atDefault: paid.atDefault + atDefault - before.atDefault
      })
      before = { credits, atDefault }
    }
  }

  /** The amount paid to a contributor; undefined if it equals the default price. */
  of(peer: string): Paid | undefined {
    const paid = this.#paid.get(peer)
    return paid === undefined || paid.credits === paid.atDefault ? undefined : paid
  }
}
