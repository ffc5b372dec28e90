import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite'
import type {
  Balance,
  Deal,
  DealListOptions,
  LedgerEntry,
  LedgerListOptions,
  LedgerRecord,
  PeerBalance
} from './index.ts'
import type { OpenClaimRow } from './sums.ts'

const DEFAULT_LIMIT = 100

const ENTRY_COLUMNS =
  'idx, at, kind, order_id, consumer, contributor, seq, final, credits, payload, signature, hash'

/** The balances with all peers, or with those named, by peers' first entries. */
export function readBalances(db: DatabaseSync, peers?: string[]): PeerBalance[] {
  const where = peers === undefined ? '' : 'WHERE peer IN (SELECT value FROM json_each(?))'
  const disputed = '(SELECT sum(credits) FROM claims WHERE peer_id = id AND dispute IS NOT NULL)'
  const statement = db.prepare(
    `SELECT peer, earned, spent, claimed, ${disputed} AS disputed FROM peers ${where} ORDER BY id`
  )
  // A sum may be larger than a number holds exactly: it is rounded then, where reading it as one would throw.
  statement.setReadBigInts(true)
  return statement.all(...(peers === undefined ? [] : [JSON.stringify(peers)])).map((row) => {
    const [earned, spent, claimed] = [Number(row.earned), Number(row.spent), Number(row.claimed)]
    const disputed = row.disputed === null ? {} : { disputed: Number(row.disputed) }
    return { peer: String(row.peer), earned, spent, claimed, net: earned - spent, ...disputed }
  })
}

/** The sums over all peers. */
export function readBalance(db: DatabaseSync): Balance {
  const peers = readBalances(db)
  const balance: Balance = { earned: 0, spent: 0, claimed: 0, net: 0, peers }
  for (const { earned, spent, claimed } of peers) {
    balance.earned += earned
    balance.spent += spent
    balance.claimed += claimed
  }
  balance.net = balance.earned - balance.spent
  return balance
}

/** Whether an order with this id is kept, or was archived. */
export function readHasOrder(db: DatabaseSync, id: string): boolean {
  return (
    db
      .prepare(
        `SELECT 1 FROM entries WHERE order_id = ?1 AND kind = 'order'
        UNION ALL SELECT 1 FROM archived_orders WHERE order_id = ?1`
      )
      .get(id) !== undefined
  )
}

/** Where the chain goes on after what was archived; undefined where nothing was. */
export function readCheckpoint(db: DatabaseSync): { index: number; hash: string } | undefined {
  const row = db.prepare('SELECT idx, hash FROM checkpoint').get()
  return row === undefined ? undefined : { index: Number(row.idx), hash: String(row.hash) }
}

/** Totals of the archived orders, for each peer, in micro-credits. */
export function readArchivedSums(db: DatabaseSync): { peer: string; earned: bigint; spent: bigint }[] {
  const statement = db.prepare(
    'SELECT (SELECT peer FROM peers WHERE id = peer_id) AS peer, earned, spent FROM archived_sums'
  )
  statement.setReadBigInts(true)
  return statement.all().map((row) => ({
    peer: String(row.peer),
    earned: row.earned as bigint,
    spent: row.spent as bigint
  }))
}

/** Entries, newest first. */
export function readList(db: DatabaseSync, options: LedgerListOptions): LedgerEntry[] {
  const conditions = ['idx < ?']
  const values: SQLInputValue[] = [options.before ?? Number.MAX_SAFE_INTEGER]
  if (options.order !== undefined) {
    conditions.push('order_id = ?')
    values.push(options.order)
  }
  if (options.peer !== undefined) {
    conditions.push('peer_id = (SELECT id FROM peers WHERE peer = ?)')
    values.push(options.peer)
  }
  const statement = db.prepare(
    `SELECT ${ENTRY_COLUMNS} FROM entries WHERE ${conditions.join(' AND ')} ORDER BY idx DESC LIMIT ?`
  )
  statement.setReadBigInts(true)
  return statement.all(...values, options.limit ?? DEFAULT_LIMIT).map(toEntry)
}

/** Orders with their latest records, oldest first. */
export function readDeals(db: DatabaseSync, options: DealListOptions): Deal[] {
  const conditions = ["kind = 'order'", 'idx > ?']
  const values: SQLInputValue[] = [options.after ?? 0]
  if (options.order !== undefined) {
    conditions.push('order_id = ?')
    values.push(options.order)
  }
  if (options.peer !== undefined) {
    conditions.push('peer_id = (SELECT id FROM peers WHERE peer = ?)')
    values.push(options.peer)
  }
  const orders = db.prepare(
    `SELECT ${ENTRY_COLUMNS} FROM entries WHERE ${conditions.join(' AND ')} ORDER BY idx LIMIT ?`
  )
  orders.setReadBigInts(true)
  const entries = orders.all(...values, options.limit ?? DEFAULT_LIMIT).map(toEntry)
  return entries.map((order) => ({ order, ...readLatest(db, order.order) }))
}

/** This node's claims on a peer, by the orders' ids, after one: each order with its latest records. */
export function readClaims(db: DatabaseSync, peer: string, after: string, limit: number): Deal[] {
  const claims = db
    .prepare(
      `SELECT order_id FROM claims WHERE peer_id = (SELECT id FROM peers WHERE peer = ?) AND order_id > ?
      ORDER BY order_id LIMIT ?`
    )
    .all(peer, after, limit)
  return claims.flatMap(({ order_id }) => readDeals(db, { order: String(order_id), limit: 1 }))
}

function readLatest(db: DatabaseSync, order: string): Omit<Deal, 'order'> {
  const latest = db.prepare(
    `SELECT ${ENTRY_COLUMNS} FROM entries WHERE order_id = ? AND kind = ? ORDER BY ifnull(seq, -1) DESC LIMIT 1`
  )
  latest.setReadBigInts(true)
  const [receipt, acknowledgement] = ['receipt', 'acknowledgement'].map((kind) => {
    const row = latest.get(order, kind)
    return row === undefined ? null : toEntry(row)
  })
  const dispute = db.prepare('SELECT dispute FROM claims WHERE order_id = ?').get(order)?.dispute
  return {
    receipt: receipt ?? null,
    acknowledgement: acknowledgement ?? null,
    dispute: typeof dispute === 'string' ? dispute : null,
    acknowledged: acknowledgement == null ? null : readReceipt(db, order, acknowledgement.seq)
  }
}

function readReceipt(db: DatabaseSync, order: string, seq: number | null): LedgerEntry | null {
  const statement = db.prepare(
    `SELECT ${ENTRY_COLUMNS} FROM entries WHERE order_id = ? AND kind = 'receipt' AND ifnull(seq, -1) = ?`
  )
  statement.setReadBigInts(true)
  const row = statement.get(order, seq)
  return row === undefined ? null : toEntry(row)
}

/** The index of the newest entry; 0 where there is none. */
export function readLastIndex(db: DatabaseSync): number {
  return Number(db.prepare('SELECT max(idx) AS last FROM entries').get()?.last ?? 0)
}

/** The table of claims, row by row. */
export function* readOpenClaims(db: DatabaseSync): Generator<OpenClaimRow> {
  const statement = db.prepare(
    'SELECT order_id, (SELECT peer FROM peers WHERE id = peer_id) AS peer, seq, credits FROM claims'
  )
  statement.setReadBigInts(true)
  for (const row of statement.iterate()) {
    yield {
      order: String(row.order_id),
      peer: String(row.peer),
      seq: Number(row.seq),
      credits: Number(row.credits)
    }
  }
}

/** Entries after an index, oldest first, with the peer each is counted with. */
export function readAfter(
  db: DatabaseSync,
  index: number,
  limit: number
): (LedgerEntry & { peer: string })[] {
  const statement = db.prepare(
    `SELECT ${ENTRY_COLUMNS}, (SELECT peer FROM peers WHERE id = peer_id) AS peer
    FROM entries WHERE idx > ? ORDER BY idx LIMIT ?`
  )
  statement.setReadBigInts(true)
  return statement.all(index, limit).map((row) => ({ ...toEntry(row), peer: String(row.peer) }))
}

/** From integers as BigInts: one that somebody made too large for a number must not keep others from being read. */
function toEntry(row: Record<string, SQLOutputValue>): LedgerEntry {
  return {
    index: Number(row.idx),
    at: Number(row.at),
    kind: row.kind as LedgerRecord['kind'],
    order: String(row.order_id),
    consumer: String(row.consumer),
    contributor: String(row.contributor),
    seq: row.seq === null ? null : Number(row.seq),
    final: row.final === null ? null : Number(row.final) === 1,
    credits: row.credits === null ? null : Number(row.credits),
    record: { payload: String(row.payload), signature: String(row.signature) },
    hash: String(row.hash)
  }
}
