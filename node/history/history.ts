import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import {
  DAYS_KEPT_MS,
  FLUSH_MS,
  HOURS_KEPT_MS,
  MAX_PENDING,
  MAX_ROWS,
  MAX_ROWS_PER_HOUR,
  OTHERS
} from './constants.ts'
import type { History, HistoryInit, HistoryQuery, PastAnswer, PastSum, Side, Span } from './index.ts'

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA cache_size = -256;
  CREATE TABLE IF NOT EXISTS sums (
    at INTEGER NOT NULL, side TEXT NOT NULL, model TEXT NOT NULL, peer TEXT NOT NULL,
    requests INTEGER NOT NULL, failed INTEGER NOT NULL, promptTokens INTEGER NOT NULL,
    completionTokens INTEGER NOT NULL, credits INTEGER NOT NULL, decodeMs INTEGER NOT NULL,
    PRIMARY KEY (at, side, model, peer)
  ) STRICT, WITHOUT ROWID;`

const ADD = `
  INSERT INTO sums VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests, failed = failed + excluded.failed,
    promptTokens = promptTokens + excluded.promptTokens,
    completionTokens = completionTokens + excluded.completionTokens,
    credits = credits + excluded.credits, decodeMs = decodeMs + excluded.decodeMs`

const DAY_MS = 24 * 3600 * 1000

/** When the hour, day or month of a time begins, in milliseconds since 1970. */
export function startOf(by: Span, time: number): number {
  const date = new Date(time)
  date.setMinutes(0, 0, 0)
  if (by !== 'hour') date.setHours(0)
  if (by === 'month') date.setDate(1)
  return date.getTime()
}

/** See {@link History}. The database is opened by the first write or read, and closed by `stop`. */
export class SqliteHistory implements History {
  readonly #file: string
  readonly #now: () => number
  readonly #onError: (err: unknown) => void
  #database: DatabaseSync | undefined
  #pending: PastSum[] = []
  #timer: NodeJS.Timeout | undefined
  #compacted = -Infinity

  constructor({ file, now = Date.now, onError = () => undefined }: HistoryInit) {
    this.#file = file
    this.#now = now
    this.#onError = onError
  }

  add({ side, model, peer, ok, promptTokens, completionTokens, credits, decodeMs }: PastAnswer): void {
    this.#pending.push({
      at: startOf('hour', this.#now()),
      side,
      model,
      peer,
      requests: 1,
      failed: ok ? 0 : 1,
      promptTokens,
      completionTokens,
      credits,
      decodeMs: Math.round(decodeMs)
    })
    if (this.#pending.length >= MAX_PENDING) this.#flush()
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS).unref()
  }

  read({ by, since }: HistoryQuery): PastSum[] {
    this.#flush()
    if (this.#database === undefined && !existsSync(this.#file)) return []
    try {
      const rows = this.#open()
        .prepare('SELECT * FROM sums WHERE at >= ? ORDER BY at')
        .all(startOf(by, since))
      const sums = new Map<string, PastSum>()
      for (const row of rows)
        addTo(sums, { ...(row as unknown as PastSum), at: startOf(by, Number(row['at'])) })
      return [...sums.values()]
    } catch (err) {
      this.#onError(err)
      return []
    }
  }

  stop(): void {
    this.#flush()
    this.#database?.close()
    this.#database = undefined
  }

  #open(): DatabaseSync {
    if (this.#database !== undefined) return this.#database
    const database = new DatabaseSync(this.#file, { timeout: 1000 })
    database.exec(SCHEMA)
    this.#database = database
    return database
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const pending = this.#pending
    if (pending.length === 0) return
    this.#pending = []
    try {
      const database = this.#open()
      database.exec('BEGIN IMMEDIATE')
      try {
        for (const sum of pending) this.#write(database, this.#named(database, sum))
        this.#compact(database)
        database.exec('COMMIT')
      } catch (err) {
        database.exec('ROLLBACK')
        throw err
      }
    } catch (err) {
      this.#onError(err)
    }
  }

  /** The sum under its own names, or among the others where its hour has too many. */
  #named(database: DatabaseSync, sum: PastSum): PastSum {
    const { at, side, model, peer } = sum
    const known = database
      .prepare('SELECT 1 FROM sums WHERE at = ? AND side = ? AND model = ? AND peer = ?')
      .get(at, side, model, peer)
    if (known !== undefined) return sum
    const rows = database.prepare('SELECT count(*) AS rows FROM sums WHERE at = ?').get(at)?.['rows']
    return Number(rows) < MAX_ROWS_PER_HOUR ? sum : { ...sum, model: OTHERS, peer: OTHERS }
  }

  #write(database: DatabaseSync, sum: PastSum): void {
    const { at, side, model, peer, requests, failed, promptTokens, completionTokens, credits, decodeMs } = sum
    database
      .prepare(ADD)
      .run(at, side, model, peer, requests, failed, promptTokens, completionTokens, credits, decodeMs)
  }

  /** Once a day: sums old hours by day and old days by month, and drops what is beyond the bound. */
  #compact(database: DatabaseSync): void {
    const now = this.#now()
    if (now - this.#compacted < DAY_MS) return
    this.#compacted = now
    this.#sumUp(database, 'month', now - DAYS_KEPT_MS)
    this.#sumUp(database, 'day', now - HOURS_KEPT_MS)
    const rows = Number(database.prepare('SELECT count(*) AS rows FROM sums').get()?.['rows'])
    if (rows > MAX_ROWS)
      database
        .prepare('DELETE FROM sums WHERE at <= (SELECT at FROM sums ORDER BY at LIMIT 1 OFFSET ?)')
        .run(rows - MAX_ROWS)
  }

  #sumUp(database: DatabaseSync, by: Span, before: number): void {
    const rows = database
      .prepare('SELECT * FROM sums WHERE at < ?')
      .all(startOf(by, before)) as unknown as PastSum[]
    const sums = new Map<string, PastSum>()
    for (const row of rows) addTo(sums, { ...row, at: startOf(by, row.at) })
    if (sums.size === rows.length) return
    database.prepare('DELETE FROM sums WHERE at < ?').run(startOf(by, before))
    for (const sum of sums.values()) this.#write(database, sum)
  }
}

function addTo(sums: Map<string, PastSum>, sum: PastSum): void {
  const key = JSON.stringify([sum.at, sum.side satisfies Side, sum.model, sum.peer])
  const known = sums.get(key)
  if (known === undefined) {
    sums.set(key, { ...sum })
    return
  }
  known.requests += sum.requests
  known.failed += sum.failed
  known.promptTokens += sum.promptTokens
  known.completionTokens += sum.completionTokens
  known.credits += sum.credits
  known.decodeMs += sum.decodeMs
}
