/**
 * @packageDocumentation
 *
 * What this node asked and served, hour by hour: a small database of sums, without prompts or answers.
 *
 * @example
 * ```ts
 * import { history } from './index.ts'
 *
 * const past = history({ file: 'history.sqlite' })
 * past.add({ side: 'asked', model: 'llama3.2:3b', peer: '12D3KooW…', ok: true, promptTokens: 9, completionTokens: 40, credits: 120, firstTokenMs: 80, decodeMs: 900 })
 * console.log(past.read({ by: 'day', since: Date.now() - 7 * 24 * 3600 * 1000 }))
 * past.stop()
 * ```
 */
import { SqliteHistory } from './history.ts'

/** Whether this node asked for an answer or gave it. */
export type Side = 'asked' | 'served'

/** An answer that has ended, in whatever way. */
export interface PastAnswer {
  side: Side
  model: string
  /** The peer on the other side; this node's own id for its own engine. */
  peer: string
  ok: boolean
  promptTokens: number
  completionTokens: number
  /** Micro-credits, paid or earned. */
  credits: number
  /** Milliseconds until the first token; null where there was none. */
  firstTokenMs: number | null
  /** Milliseconds from the first token to the end. */
  decodeMs: number
}

/** The lengths of time that can be asked for. */
export type Span = 'hour' | 'day' | 'month'

/** The sums of one length of time. */
export interface PastSum {
  /** When it begins, in milliseconds since 1970, by this machine's clock and zone. */
  at: number
  side: Side
  model: string
  peer: string
  requests: number
  failed: number
  promptTokens: number
  completionTokens: number
  credits: number
  decodeMs: number
}

export interface HistoryQuery {
  by: Span
  /** Milliseconds since 1970. */
  since: number
}

export interface HistoryInit {
  /** Path of the database; made when there is something to write. */
  file: string
  /** Milliseconds since 1970. @default Date.now */
  now?: () => number
  /** Told when the database cannot be used: the node goes on without it. */
  onError?: (err: unknown) => void
}

export interface History {
  /** Notes an answer; never throws. */
  add(answer: PastAnswer): void
  /** Sums since a time, oldest first; none where the database cannot be read. */
  read(query: HistoryQuery): PastSum[]
  /** Writes what waits, and closes the database. */
  stop(): void
}

/** The history in an SQLite file. */
export function history(init: HistoryInit): History {
  return new SqliteHistory(init)
}
