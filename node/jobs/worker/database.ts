import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { JobStoreError, toJobStoreError } from '../errors.ts'
import { Sealer } from '../sealer.ts'
import { APPLICATION_ID, MIGRATIONS } from './schema.ts'

const BUSY_TIMEOUT_MS = 5000
const PROOF = 'meta'

export interface DatabaseInit {
  file: string
  /** Seals the content. */
  key: Uint8Array
  /** Most bytes of the file. */
  diskBytes: number
}

/** Opens the store's file, made or upgraded where needed. Throws JobStoreError. */
export function openDatabase({ file, key, diskBytes }: DatabaseInit): DatabaseSync {
  let db: DatabaseSync | undefined
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // SQLite would make it readable by everybody; its log takes the file's mode.
    if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600))
    db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
    // Deleted content is overwritten, and its pages go back to the disk.
    db.exec('PRAGMA auto_vacuum = INCREMENTAL; PRAGMA secure_delete = ON')
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON')
    migrate(db, file)
    limitSize(db, diskBytes)
    checkKey(db, new Sealer(key), file)
    return db
  } catch (err) {
    db?.close()
    throw toJobStoreError(err, file)
  }
}

/** Bytes that hold something, and the most that there may be. */
export function sizeOf(db: DatabaseSync): { used: number; most: number } {
  const page = readNumber(db, 'PRAGMA page_size', 'page_size')
  const pages = readNumber(db, 'PRAGMA page_count', 'page_count')
  const free = readNumber(db, 'PRAGMA freelist_count', 'freelist_count')
  return {
    used: (pages - free) * page,
    most: readNumber(db, 'PRAGMA max_page_count', 'max_page_count') * page
  }
}

function migrate(db: DatabaseSync, file: string): void {
  const version = readNumber(db, 'PRAGMA user_version', 'user_version')
  const tables = readNumber(db, 'SELECT count(*) AS tables FROM sqlite_schema', 'tables')
  if (tables > 0 && readNumber(db, 'PRAGMA application_id', 'application_id') !== APPLICATION_ID)
    throw new JobStoreError(`${file} is a database of another program: move it away`)
  if (version > MIGRATIONS.length)
    throw new JobStoreError(
      `The job store ${file} has version ${version}, but this program knows only ${MIGRATIONS.length}: install a newer lobstah-node`
    )
  if (version === MIGRATIONS.length) return
  // The version is read again in the transaction: another program may have been first.
  db.exec('BEGIN IMMEDIATE')
  for (const migration of MIGRATIONS.slice(readNumber(db, 'PRAGMA user_version', 'user_version')))
    db.exec(migration)
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`)
}

function limitSize(db: DatabaseSync, bytes: number): void {
  db.exec(
    `PRAGMA max_page_count = ${Math.max(64, Math.floor(bytes / readNumber(db, 'PRAGMA page_size', 'page_size')))}`
  )
}

/** Content sealed with another key could be neither read nor deleted with care. */
function checkKey(db: DatabaseSync, sealer: Sealer, file: string): void {
  const proof = db.prepare('SELECT proof FROM meta').get()?.proof
  if (proof === undefined) {
    db.prepare('INSERT INTO meta (proof) VALUES (?)').run(sealer.seal(Buffer.from(PROOF), PROOF))
    return
  }
  try {
    sealer.open(proof as Uint8Array, PROOF)
  } catch (err) {
    throw new JobStoreError(
      `The job store ${file} belongs to another identity.key: restore that key, or move the job store away to begin a new one`,
      { cause: err }
    )
  }
}

function readNumber(db: DatabaseSync, sql: string, column: string): number {
  return Number(db.prepare(sql).get()?.[column] ?? 0)
}
