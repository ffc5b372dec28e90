import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { EarningsOptions, EarningsRow } from './index.ts'

/** Entries that are read at a time: appends go between two pages. */
const PAGE = 2000

/** One order, as far as it was read. */
interface OrderSum {
  model: string
  /** When its latest record was written, in milliseconds since 1970. */
  at: number
  promptTokens: number
  completionTokens: number
  receipted: number
  acknowledged: number
  /** Whether its last receipt was read. */
  final: boolean
  /** The row that its claim is counted in. */
  row: Row | undefined
}

/** A row in the making. */
interface Row extends EarningsRow {
  /** Until when its time is counted. */
  lastEnd: number
}

/** An entry of an order that this node served. */
interface Entry {
  idx: number
  at: number
  kind: string
  order: string
  consumer: string
  seq: number
  final: boolean
  credits: number
  promptTokens: number
  completionTokens: number
  model: string
}

const COLUMNS = `idx, at, kind, order_id, consumer, seq, final, credits,
  iif(kind = 'receipt', payload ->> '$.promptTokens', 0) AS prompt,
  iif(kind = 'receipt', payload ->> '$.completionTokens', 0) AS completion,
  iif(kind = 'order', payload ->> '$.model', '') AS model`

/**
 * What peers' orders earned in each of some periods. Reads the entries of those periods only, in pages; what an order
 * had earned before them is looked up.
 */
export async function readEarnings(
  db: () => DatabaseSync,
  owner: string,
  { starts, by }: EarningsOptions
): Promise<EarningsRow[]> {
  const [first = 0] = starts
  const earnings = new Earnings(db(), owner, starts, by)
  let after = firstAfter(db(), first) - 1
  for (;;) {
    const page = readPage(db(), owner, after)
    for (const entry of page) earnings.add(entry)
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return earnings.rows()
    after = last.idx
    await nextTurn()
  }
}

class Earnings {
  readonly #owner: string
  readonly #starts: readonly number[]
  readonly #by: EarningsOptions['by']
  readonly #before: StatementSync
  readonly #orders = new Map<string, OrderSum>()
  readonly #rows = new Map<string, Row>()

  constructor(db: DatabaseSync, owner: string, starts: readonly number[], by: EarningsOptions['by']) {
    this.#owner = owner
    this.#starts = starts
    this.#by = by
    this.#before = db.prepare(
      `SELECT ${COLUMNS} FROM entries WHERE order_id = ? AND idx < ? AND contributor = ? ORDER BY idx`
    )
    this.#before.setReadBigInts(true)
  }

  add(entry: Entry): void {
    const sum = this.#orders.get(entry.order) ?? this.#recall(entry)
    this.#orders.set(entry.order, sum)
    const row = this.#row(entry, sum.model)
    if (entry.kind === 'order') row.orders += 1
    if (entry.kind === 'receipt') {
      row.promptTokens += entry.promptTokens - sum.promptTokens
      row.completionTokens += entry.completionTokens - sum.completionTokens
      const from = Math.max(sum.at, row.from)
      row.answerMs += Math.max(0, entry.at - from)
      row.busyMs += Math.max(0, entry.at - Math.max(from, row.lastEnd))
      row.lastEnd = Math.max(row.lastEnd, entry.at)
    }
    if (entry.kind === 'acknowledgement') row.earned += Math.max(0, entry.credits - sum.acknowledged)
    this.#note(entry, sum, row)
    if (sum.final && sum.acknowledged >= sum.receipted) this.#orders.delete(entry.order)
  }

  rows(): EarningsRow[] {
    for (const { row, receipted, acknowledged } of this.#orders.values())
      if (row !== undefined) row.claimed += Math.max(0, receipted - acknowledged)
    return Array.from(this.#rows.values(), ({ lastEnd: _, ...row }) => row)
  }

  #note(entry: Entry, sum: OrderSum, row: Row | undefined): void {
    if (entry.kind === 'acknowledgement') sum.acknowledged = Math.max(sum.acknowledged, entry.credits)
    else sum.at = entry.at
    if (entry.kind !== 'receipt') return
    sum.promptTokens = entry.promptTokens
    sum.completionTokens = entry.completionTokens
    sum.receipted = entry.credits
    sum.final = entry.final
    sum.row = row
  }

  /** An order's state before the first of its entries that was read. */
  #recall(entry: Entry): OrderSum {
    const sum: OrderSum = {
      model: entry.model,
      at: entry.at,
      promptTokens: 0,
      completionTokens: 0,
      receipted: 0,
      acknowledged: 0,
      final: false,
      row: undefined
    }
    if (entry.kind === 'order') return sum
    for (const earlier of this.#before.all(entry.order, entry.idx, this.#owner).map(toEntry)) {
      if (earlier.kind === 'order') sum.model = earlier.model
      this.#note(earlier, sum, undefined)
    }
    return sum
  }

  #row({ at, consumer }: Entry, model: string): Row {
    const from = this.#starts.findLast((start) => start <= at) ?? this.#starts[0] ?? 0
    const key = this.#by === 'model' ? model : this.#by === 'peer' ? consumer : ''
    const name = `${from} ${key}`
    let row = this.#rows.get(name)
    if (row !== undefined) return row
    row = {
      from,
      key,
      orders: 0,
      promptTokens: 0,
      completionTokens: 0,
      earned: 0,
      claimed: 0,
      answerMs: 0,
      busyMs: 0,
      lastEnd: from
    }
    this.#rows.set(name, row)
    return row
  }
}

/** The index of the first entry that was written at a time or after it; clocks that were set back blur it a little. */
function firstAfter(db: DatabaseSync, at: number): number {
  const { first, last } = db.prepare('SELECT min(idx) AS first, max(idx) AS last FROM entries').get() ?? {}
  let [low, high] = [Number(first ?? 1), Number(last ?? 0) + 1]
  const timeOf = db.prepare('SELECT at FROM entries WHERE idx = ?')
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (Number(timeOf.get(middle)?.at ?? 0) < at) low = middle + 1
    else high = middle
  }
  return low
}

function readPage(db: DatabaseSync, owner: string, after: number): Entry[] {
  const statement = db.prepare(
    `SELECT ${COLUMNS} FROM entries WHERE idx > ? AND contributor = ? ORDER BY idx LIMIT ${PAGE}`
  )
  // As for other readers: a sum that somebody made too large must not keep others from being read.
  statement.setReadBigInts(true)
  return statement.all(after, owner).map(toEntry)
}

function toEntry(row: Record<string, unknown>): Entry {
  return {
    idx: Number(row.idx),
    at: Number(row.at),
    kind: String(row.kind),
    order: String(row.order_id),
    consumer: String(row.consumer),
    seq: Number(row.seq ?? 0),
    final: Number(row.final ?? 0) === 1,
    credits: Number(row.credits ?? 0),
    promptTokens: Number(row.prompt ?? 0),
    completionTokens: Number(row.completion ?? 0),
    model: typeof row.model === 'string' ? row.model : ''
  }
}
