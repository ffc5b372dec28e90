import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { FileRecord, Page, PageOptions } from '../records.ts'
import type { Sealer } from '../sealer.ts'
import { readPage } from './read-page.ts'

type Row = Record<string, SQLOutputValue>

/** A file that is about to be written. */
export interface NewFile extends Omit<FileRecord, 'bytes'> {
  owner: string
}

/** Files with their sealed pieces. A file is there for others when it is whole. */
export class FilesTable {
  readonly #db: DatabaseSync
  readonly #sealer: Sealer

  constructor(db: DatabaseSync, sealer: Sealer) {
    this.#db = db
    this.#sealer = sealer
    // A crash may have left files half written.
    for (const { id } of db.prepare('SELECT id FROM files WHERE ready = 0').all()) this.#erase(String(id))
  }

  create({ id, owner, purpose, filename, createdAt, expiresAt }: NewFile): void {
    this.#db
      .prepare(
        'INSERT INTO files (id, owner, purpose, name, bytes, created, expires, ready) VALUES (?, ?, ?, ?, 0, ?, ?, 0)'
      )
      .run(id, owner, purpose, this.#sealer.seal(Buffer.from(filename), id), createdAt, expiresAt)
  }

  append(id: string, n: number, piece: Uint8Array): void {
    this.#db
      .prepare('INSERT INTO chunks (file, n, data) VALUES (?, ?, ?)')
      .run(id, n, this.#sealer.seal(piece, `${id}/${n}`))
    this.#db.prepare('UPDATE files SET bytes = bytes + ? WHERE id = ?').run(piece.byteLength, id)
  }

  finish(id: string, name: string, expires: number | null): FileRecord | undefined {
    this.#db
      .prepare('UPDATE files SET ready = 1, name = ?, expires = ? WHERE id = ?')
      .run(this.#sealer.seal(Buffer.from(name), id), expires, id)
    const row = this.#db.prepare('SELECT * FROM files WHERE id = ?').get(id)
    return row === undefined ? undefined : this.#toRecord(row)
  }

  get(owner: string, id: string): FileRecord | undefined {
    const row = this.#db
      .prepare('SELECT * FROM files WHERE owner = ? AND id = ? AND ready = 1')
      .get(owner, id)
    return row === undefined ? undefined : this.#toRecord(row)
  }

  list(owner: string, purpose: string | undefined, page: PageOptions): Page<FileRecord> {
    const where =
      purpose === undefined ? 'owner = ? AND ready = 1' : 'owner = ? AND purpose = ? AND ready = 1'
    const values = purpose === undefined ? [owner] : [owner, purpose]
    const { data, more } = readPage(this.#db, { table: 'files', where, values }, page)
    return { data: data.map((row) => this.#toRecord(row)), more }
  }

  /** One piece of a file's content; undefined after the last. */
  chunk(id: string, n: number): Uint8Array | undefined {
    const row = this.#db.prepare('SELECT data FROM chunks WHERE file = ? AND n = ?').get(id, n)
    return row === undefined ? undefined : this.#sealer.open(row.data as Uint8Array, `${id}/${n}`)
  }

  /** Deletes a file, whole or not; tells whether there was one. */
  remove(owner: string, id: string): boolean {
    if (this.#db.prepare('SELECT id FROM files WHERE owner = ? AND id = ?').get(owner, id) === undefined)
      return false
    this.#erase(id)
    return true
  }

  /** Deletes what has expired; returns how many. */
  sweep(now: number): number {
    const rows = this.#db.prepare('SELECT id FROM files WHERE ready = 1 AND expires <= ?').all(now)
    for (const { id } of rows) this.#erase(String(id))
    return rows.length
  }

  #erase(id: string): void {
    this.#db.prepare('DELETE FROM chunks WHERE file = ?').run(id)
    this.#db.prepare('DELETE FROM files WHERE id = ?').run(id)
  }

  #toRecord(row: Row): FileRecord {
    const id = String(row.id)
    return {
      id,
      purpose: String(row.purpose),
      filename: this.#sealer.open(row.name as Uint8Array, id).toString('utf8'),
      bytes: Number(row.bytes),
      createdAt: Number(row.created),
      expiresAt: row.expires === null ? null : Number(row.expires)
    }
  }
}
