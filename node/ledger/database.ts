import { closeSync, existsSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, backup } from 'node:sqlite'
import {
  LedgerCorruptError,
  LedgerError,
  LedgerMissingError,
  LedgerOwnerError,
  LedgerVersionError,
  toLedgerError
} from './errors.ts'
import { APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION } from './schema.ts'

/** How long to wait for another program's lock, in milliseconds. */
const BUSY_TIMEOUT_MS = 5000

export interface DatabaseInit {
  file: string
  /** The peer whose ledger it is. */
  owner: string
  readOnly: boolean
}

/** Opens the ledger's file, made or upgraded where needed. Throws LedgerError classes. */
export function openDatabase(init: DatabaseInit): DatabaseSync {
  let db: DatabaseSync | undefined
  try {
    if (init.readOnly) requireFile(init.file)
    else makeFile(init.file)
    db = new DatabaseSync(init.file, { readOnly: init.readOnly, timeout: BUSY_TIMEOUT_MS })
    const version = checkVersion(db, init)
    if (!init.readOnly) {
      db.exec('PRAGMA journal_mode = WAL')
      // FULL syncs the log at every commit; on macOS only F_FULLFSYNC reaches the disk itself.
      db.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = ON')
      if (version < SCHEMA_VERSION) migrate(db, init.owner)
    }
    checkOwner(db, init)
    return db
  } catch (err) {
    db?.close()
    throw toLedgerError(err, init.file)
  }
}

/**
 * Copies a ledger's file to a new one, 0600, complete or not at all. Throws LedgerError when the new file is there
 * already, LedgerMissingError when the ledger is not.
 */
export async function backupDatabase(ledger: string, file: string): Promise<void> {
  requireFile(ledger)
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (err) {
    const text = err instanceof Error ? err.message : String(err)
    throw new LedgerError(`The backup ${file} cannot be written (${text}): choose a new file`, { cause: err })
  }
  let source: DatabaseSync | undefined
  try {
    // By a connection of its own, which goes on seeing what was there when it began: on the writer's, SQLite refuses
    // to copy while a transaction is open.
    source = new DatabaseSync(ledger, { readOnly: true, timeout: BUSY_TIMEOUT_MS })
    source.exec('BEGIN')
    readNumber(source, 'SELECT count(*) AS tables FROM sqlite_schema', 'tables')
    await backup(source, file)
  } catch (err) {
    rmSync(file, { force: true })
    throw toLedgerError(err, file)
  } finally {
    source?.close()
  }
}

function requireFile(file: string): void {
  if (existsSync(file)) return
  throw new LedgerMissingError(`There is no ledger at ${file} yet: the node creates it when it first starts`)
}

/** SQLite would make the file readable by everybody; its log takes the file's mode. */
function makeFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600))
}

function checkVersion(db: DatabaseSync, { file, readOnly }: DatabaseInit): number {
  const version = readNumber(db, 'PRAGMA user_version', 'user_version')
  const tables = readNumber(db, 'SELECT count(*) AS tables FROM sqlite_schema', 'tables')
  if (tables > 0 && readNumber(db, 'PRAGMA application_id', 'application_id') !== APPLICATION_ID) {
    throw new LedgerCorruptError(`${file} is a database of another program: name another file for the ledger`)
  }
  if (version > SCHEMA_VERSION) {
    throw new LedgerVersionError(
      `The ledger ${file} has version ${version}, but this program knows only ${SCHEMA_VERSION}: install a newer lobstah-node`
    )
  }
  if (readOnly && version < SCHEMA_VERSION) {
    throw new LedgerVersionError(
      `The ledger ${file} has version ${version}, not ${SCHEMA_VERSION}: start the node once to upgrade it`
    )
  }
  return version
}

/** Upgrades in one transaction; the version is read again in it, for another program may have been first. */
function migrate(db: DatabaseSync, owner: string): void {
  db.exec('BEGIN IMMEDIATE')
  const version = readNumber(db, 'PRAGMA user_version', 'user_version')
  for (const migration of MIGRATIONS.slice(version)) migration(db, owner)
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`)
}

function checkOwner(db: DatabaseSync, { file, owner }: DatabaseInit): void {
  const kept = db.prepare('SELECT owner FROM meta').get()?.owner
  if (kept === owner) return
  throw new LedgerOwnerError(
    `The ledger ${file} is ${String(kept)}'s, and this node is ${owner}: restore that node's identity.key, ` +
      'or move the ledger away to begin a new one'
  )
}

function readNumber(db: DatabaseSync, sql: string, column: string): number {
  return Number(db.prepare(sql).get()?.[column] ?? 0)
}
