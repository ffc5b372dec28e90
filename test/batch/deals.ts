import { ledger } from '../../node/ledger/index.ts'

/** An order of a ledger. */
export interface OrderOutcome {
  requestHash: string
  /** Whether a whole answer was acknowledged. */
  finished: boolean
}

interface Payload {
  id?: string
  order?: string
  requestHash?: string
  final?: boolean
  finishReason?: string | null
}

/** The orders of a ledger that nobody has open, once it verifies. */
export async function readDeals(file: string, peer: string): Promise<OrderOutcome[]> {
  const book = ledger({ file, readOnly: true })({ peer })
  await book.start()
  try {
    const { entries, firstBad } = await book.verify()
    if (firstBad !== undefined) throw new TypeError(`the ledger is bad: ${JSON.stringify(firstBad)}`)
    const orders = new Map<string, OrderOutcome>()
    const kept = await book.list({ limit: Math.max(1, entries) })
    for (const { kind, record } of kept.sort((a, b) => a.index - b.index)) {
      const payload = JSON.parse(record.payload) as Payload
      if (kind === 'order')
        orders.set(payload.id ?? '', { requestHash: payload.requestHash ?? '', finished: false })
      const order = orders.get(payload.order ?? '')
      if (kind === 'receipt' && order !== undefined && payload.final === true)
        order.finished = payload.finishReason === 'stop' || payload.finishReason === 'length'
    }
    return [...orders.values()]
  } finally {
    await book.stop()
  }
}
