import { once } from 'node:events'
import { createReadStream, type ReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { InvalidRecordError, RECEIPT } from '../../../protocols/index.ts'
import type { Config } from '../../config/index.ts'
import { LedgerError, type Deal, type Ledger, type LedgerRecord } from '../../ledger/index.ts'
import { CommandError, EXIT } from '../errors.ts'
import { withLedger, withLedgerAlone } from '../kept-ledger.ts'
import { credits, table, type Output } from '../output.ts'
import { petnamer } from '../petnames.ts'
import { proofsOf, verifyProof, type Proof, type ProvenDeal } from '../proof.ts'

/** Orders read from the ledger at once. */
const PAGE = 500

/** Which orders a command is about. */
export interface ReceiptsFilter {
  peer?: string
}

/** All orders, oldest first, a page at a time. */
export async function* allDeals(book: Ledger, filter: ReceiptsFilter = {}): AsyncGenerator<Deal> {
  for (let after = 0; ;) {
    const deals = await book.deals({ ...filter, after, limit: PAGE })
    yield* deals
    const last = deals.at(-1)
    if (last === undefined || deals.length < PAGE) return
    after = last.order.index
  }
}

/** Which of the orders a list shows. */
export interface ListFlags extends ReceiptsFilter {
  model?: string
  role?: 'asked' | 'served'
  /** Only the newest so many. */
  limit?: number
}

/** Prints the orders with what their receipts come to. */
export async function receiptsList(config: Config, flags: ListFlags, output: Output): Promise<void> {
  await withLedger(config, async (book, me) => {
    const { peer, model, role, limit = Infinity } = flags
    const rows: Record<string, unknown>[] = []
    for await (const deal of allDeals(book, peer === undefined ? {} : { peer })) {
      const row = summary(deal, me)
      if ((model ?? row.model) !== row.model || (role ?? row.role) !== row.role) continue
      rows.push(row)
      if (rows.length > limit) rows.shift()
    }
    const nameOf = petnamer(config)
    output.result(rows, () => {
      if (rows.length === 0) return 'No orders yet, placed or served.'
      const header = ['TIME', 'ORDER', 'ROLE', 'PEER', 'MODEL', 'CREDITS', 'STATE']
      const cells = rows.map((row) => [
        new Date(Number(row.at)).toISOString().slice(0, 19),
        String(row.order),
        String(row.role),
        nameOf(String(row.peer)),
        String(row.model),
        credits(Number(row.credits)),
        String(row.state)
      ])
      return table([header, ...cells])
    })
  })
}

function summary({ order, receipt, acknowledgement, dispute }: Deal, me: string): Record<string, unknown> {
  const { model } = JSON.parse(order.record.payload) as { model: string }
  const open = (receipt?.seq ?? -1) > (acknowledgement?.seq ?? -1)
  const settled =
    receipt === null ? 'ordered' : open ? 'claimed' : receipt.final === true ? 'settled' : 'open'
  const served = order.contributor === me
  return {
    at: order.at,
    order: order.order,
    role: served ? 'served' : 'asked',
    peer: served ? order.consumer : order.contributor,
    model,
    credits: receipt?.credits ?? 0,
    state: dispute === null ? settled : `disputed: ${dispute}`
  }
}

/** Prints all that is kept of one order. */
export async function receiptsShow(config: Config, order: string, output: Output): Promise<void> {
  await withLedger(config, async (book) => {
    const [deal] = await book.deals({ order, limit: 1 })
    if (deal === undefined)
      throw new CommandError(`There is no order ${order} in the ledger. See: lobstah-node receipts list`)
    const records = [deal.order, deal.receipt, deal.acknowledgement].flatMap((entry) =>
      entry === null ? [] : [{ kind: entry.kind, ...(JSON.parse(entry.record.payload) as object) }]
    )
    output.result({ ...deal }, () => records.map((record) => JSON.stringify(record, null, 2)).join('\n'))
  })
}

/** Writes a line for each order, verifiable by the peer ids alone; see `docs/verify-receipts.mjs`. */
export async function receiptsExport(config: Config, filter: ReceiptsFilter, output: Output): Promise<void> {
  await withLedger(config, async (book) => {
    for await (const deal of allDeals(book, filter)) {
      for (const proof of proofsOf(deal)) output.event({ ...proof }, () => JSON.stringify(proof))
    }
  })
}

/** Verifies an export, of whomever, and says what it comes to. Throws CommandError naming the first bad line. */
export async function receiptsVerify(file: string, output: Output): Promise<void> {
  let [acknowledged, claimed, lines] = [0, 0, 0]
  for await (const { deal } of provenLines(file)) {
    lines++
    if (deal.acknowledged) acknowledged += deal.receipt.credits
    else claimed += deal.receipt.credits
  }
  output.result({ lines, acknowledged, claimed }, () => {
    return `${lines} receipts verify: ${credits(acknowledged)} credits acknowledged, ${credits(claimed)} claimed`
  })
}

/** Takes the proofs of an export that are of this node's own orders into its ledger; what is kept already stays. */
export async function receiptsImport(config: Config, file: string, output: Output): Promise<void> {
  let [kept, others] = [0, 0]
  await withLedgerAlone(config, async (book, me) => {
    for await (const { proof, deal } of provenLines(file)) {
      if (deal.order.consumer !== me && deal.order.contributor !== me) {
        others++
        continue
      }
      await keep(book, proof)
      kept++
    }
  })
  output.result({ kept, others }, () => `${kept} receipts are in the ledger; ${others} are between others`)
}

async function keep(book: Ledger, { order, receipt, acknowledgement }: Proof): Promise<void> {
  const records: LedgerRecord[] = [
    { kind: 'order', record: order },
    { kind: 'receipt', record: receipt }
  ]
  if (acknowledgement !== null) records.push({ kind: 'acknowledgement', record: acknowledgement })
  try {
    await book.append(records)
  } catch (err) {
    if (!(err instanceof LedgerError)) throw err
    const { seq } = RECEIPT.schema.parse(JSON.parse(receipt.payload))
    throw new CommandError(`Receipt ${seq} cannot be stored: ${err.message}`, undefined, { cause: err })
  }
}

async function* provenLines(file: string): AsyncGenerator<{ proof: Proof; deal: ProvenDeal }> {
  const input = file === '-' ? process.stdin : await opened(file)
  let number = 0
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      number++
      if (line !== '') yield await verifyProof(line)
    }
  } catch (err) {
    if (err instanceof InvalidRecordError) {
      throw new CommandError(`Line ${number} of ${file} fails verification: ${err.message}`, undefined, {
        cause: err
      })
    }
    throw err
  }
}

async function opened(file: string): Promise<ReadStream> {
  const stream = createReadStream(file)
  try {
    await once(stream, 'open')
    return stream
  } catch (err) {
    throw new CommandError(`${file} cannot be read: give the file that holds the export`, EXIT.usage, {
      cause: err
    })
  }
}
