import type { SignedRecord } from '../../../protocols/index.ts'

/** Longest wait for the receipt of a contributor that was stopped before its end, in milliseconds. */
const STOPPED_MS = 1000

/** The latest receipt of each contributor that worked on one answer; one that was cancelled sends its own late. */
export class PaidReceipts {
  readonly #orders: { receipt: SignedRecord | undefined; final: PromiseWithResolvers<void> }[] = []

  /** Begins with the next contributor; returns what takes its receipts. */
  begin(): (receipt: SignedRecord) => void {
    const order = { receipt: undefined as SignedRecord | undefined, final: Promise.withResolvers<void>() }
    this.#orders.push(order)
    return (receipt) => {
      order.receipt = receipt
      if ((JSON.parse(receipt.payload) as { final: boolean }).final) order.final.resolve()
    }
  }

  /** Resolves when the present contributor's final receipt has come, or is not worth waiting for. */
  async settled(): Promise<void> {
    const over = Promise.withResolvers<void>()
    const timer = setTimeout(over.resolve, STOPPED_MS)
    await Promise.race([this.#orders.at(-1)?.final.promise, over.promise])
    clearTimeout(timer)
  }

  /** The present contributor's. */
  get latest(): SignedRecord | undefined {
    return this.#orders.at(-1)?.receipt
  }

  /** Those of the contributors before. */
  get earlier(): SignedRecord[] {
    return this.#orders.slice(0, -1).flatMap(({ receipt }) => receipt ?? [])
  }
}
