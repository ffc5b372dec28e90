import type { DatabaseSync } from 'node:sqlite'
import type { BatchRecord, Line, LineState, Page, PageOptions } from '../records.ts'
import type { Sealer } from '../sealer.ts'
import { readPage } from './read-page.ts'

const STATES = { waiting: 0, done: 1, failed: 2 } as const satisfies Record<LineState, number>
const ENDED = new Set(['completed', 'failed', 'expired', 'cancelled'])

/** Batches and their lines. A line's row has its request, and then its answer in the request's place. */
export class BatchesTable {
  readonly #db: DatabaseSync
  readonly #sealer: Sealer

  constructor(db: DatabaseSync, sealer: Sealer) {
    this.#db = db
    this.#sealer = sealer
  }

  put(batch: BatchRecord): void {
    this.#db
      .prepare(
        `INSERT INTO batches (id, owner, open, document) VALUES (?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET open = excluded.open, document = excluded.document`
      )
      .run(batch.id, batch.owner, ENDED.has(batch.status) ? 0 : 1, this.#sealer.sealJson(batch, batch.id))
  }

  get(owner: string, id: string): BatchRecord | undefined {
    const row = this.#db.prepare('SELECT * FROM batches WHERE owner = ? AND id = ?').get(owner, id)
    return row === undefined ? undefined : this.#toBatch(row)
  }

  list(owner: string, page: PageOptions): Page<BatchRecord> {
    const { data, more } = readPage(this.#db, { table: 'batches', where: 'owner = ?', values: [owner] }, page)
    return { data: data.map((row) => this.#toBatch(row)), more }
  }

  /** All that have not ended, the oldest first. */
  open(): BatchRecord[] {
    return this.#db
      .prepare('SELECT * FROM batches WHERE open = 1 ORDER BY seq')
      .all()
      .map((row) => this.#toBatch(row))
  }

  addLines(batch: string, lines: Line[]): void {
    const insert = this.#db.prepare(
      'INSERT INTO lines (batch, n, state, content) VALUES (?, ?, 0, ?) ON CONFLICT DO NOTHING'
    )
    for (const line of lines)
      insert.run(batch, line.n, this.#sealer.sealJson(line, `${batch}/${line.n}/request`))
  }

  /** Lines that wait, after the n-th. */
  waiting(batch: string, after: number, limit: number): Line[] {
    return this.#db
      .prepare('SELECT n, content FROM lines WHERE batch = ? AND state = 0 AND n > ? ORDER BY n LIMIT ?')
      .all(batch, after, limit)
      .map(
        ({ n, content }) =>
          this.#sealer.openJson(content as Uint8Array, `${batch}/${Number(n)}/request`) as Line
      )
  }

  /** Puts a line's answer in the place of its request, once: tells whether it was still waiting. */
  settle(batch: string, n: number, state: 'done' | 'failed', answer: object): boolean {
    const sealed = this.#sealer.sealJson(answer, `${batch}/${n}/answer`)
    const { changes } = this.#db
      .prepare('UPDATE lines SET state = ?, content = ? WHERE batch = ? AND n = ? AND state = 0')
      .run(STATES[state], sealed, batch, n)
    this.#db.prepare('DELETE FROM kept WHERE job = ?').run(`${batch}/${n}`)
    return Number(changes) === 1
  }

  /** Lines by state. */
  counts(batch: string): Record<LineState, number> {
    const rows = this.#db
      .prepare('SELECT state, count(*) AS lines FROM lines WHERE batch = ? GROUP BY state')
      .all(batch)
    const of = (state: LineState): number =>
      Number(rows.find((row) => Number(row.state) === STATES[state])?.lines ?? 0)
    return { waiting: of('waiting'), done: of('done'), failed: of('failed') }
  }

  /** Answers of one kind, after the n-th, as JSON. */
  answers(
    batch: string,
    state: 'done' | 'failed',
    after: number,
    limit: number
  ): { n: number; json: string }[] {
    return this.#db
      .prepare('SELECT n, content FROM lines WHERE batch = ? AND state = ? AND n > ? ORDER BY n LIMIT ?')
      .all(batch, STATES[state], after, limit)
      .map(({ n, content }) => ({
        n: Number(n),
        json: this.#sealer.open(content as Uint8Array, `${batch}/${Number(n)}/answer`).toString('utf8')
      }))
  }

  /** Ends a batch: its files appear with its last state, and its lines are gone. */
  end(batch: BatchRecord): void {
    for (const id of [batch.outputFileId, batch.errorFileId])
      if (id !== null) this.#db.prepare('UPDATE files SET ready = 1 WHERE id = ?').run(id)
    this.#db.prepare('DELETE FROM lines WHERE batch = ?').run(batch.id)
    this.#db.prepare('DELETE FROM kept WHERE job >= ? AND job < ?').run(`${batch.id}/`, `${batch.id}0`)
    this.put(batch)
  }

  #toBatch(row: Record<string, unknown>): BatchRecord {
    return this.#sealer.openJson(row.document as Uint8Array, String(row.id)) as BatchRecord
  }
}
