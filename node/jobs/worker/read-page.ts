import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite'
import type { Page, PageOptions } from '../records.ts'

/** The rows to choose from: a table with `seq` and `id`, and a condition on it. */
export interface Selection {
  table: 'files' | 'batches'
  where: string
  values: SQLInputValue[]
}

/** One page of rows by the order in which they were made. An unknown cursor gives an empty page. */
export function readPage(
  db: DatabaseSync,
  { table, where, values }: Selection,
  { after, limit, order = 'desc' }: PageOptions
): Page<Record<string, SQLOutputValue>> {
  const beyond = order === 'desc' ? '<' : '>'
  const cursor = after === undefined ? '' : `AND seq ${beyond} (SELECT seq FROM ${table} WHERE id = ?)`
  const rows = db
    .prepare(`SELECT * FROM ${table} WHERE ${where} ${cursor} ORDER BY seq ${order} LIMIT ?`)
    .all(...values, ...(after === undefined ? [] : [after]), limit + 1)
  return { data: rows.slice(0, limit), more: rows.length > limit }
}
