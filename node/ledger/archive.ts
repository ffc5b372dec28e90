import { rmSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { backupDatabase, openDatabase } from './database.ts'
import { LedgerCorruptError } from './errors.ts'
import { NO_DELETE } from './schema.ts'
import { verifyLedger } from './verify.ts'

export interface ArchiveInit {
  /** The ledger's file, which nobody else writes meanwhile. */
  file: string
  /** A file that is not there yet: the ledger as it is, complete. */
  archive: string
  /** The peer whose ledger it is. */
  owner: string
  /** Orders with an entry from this moment on stay, in milliseconds since 1970. */
  before: number
}

export interface ArchiveReport {
  /** Orders and entries that are in the archive alone now. */
  orders: number
  entries: number
  /** Entries that stay. */
  left: number
}

/**
 * Copies a ledger to an archive, verifies the copy, and then takes out of the ledger what is settled and old, in one
 * transaction: a crash leaves the ledger whole or pruned, and the archive beside it. A checkpoint says from where on the
 * chain goes on, and what the entries before it came to. Throws LedgerError classes; the ledger is unchanged then.
 */
export async function archiveLedger({ file, archive, owner, before }: ArchiveInit): Promise<ArchiveReport> {
  // Upgrades an older file first, so that ledger and archive are of one version.
  openDatabase({ file, owner, readOnly: false }).close()
  await backupDatabase(file, archive)
  try {
    await verifyCopy(archive, owner)
  } catch (err) {
    rmSync(archive, { force: true })
    throw err
  }
  const db = openDatabase({ file, owner, readOnly: false })
  try {
    const report = prune(db, before)
    db.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)')
    return report
  } finally {
    db.close()
  }
}

/** Verifies a ledger's file by itself, an archive for one. Throws LedgerCorruptError. */
export async function verifyCopy(file: string, owner: string): Promise<number> {
  const db = openDatabase({ file, owner, readOnly: true })
  try {
    const { entries, firstBad } = await verifyLedger(db, owner, new AbortController().signal)
    if (firstBad === undefined) return entries
    const where = firstBad.index === null ? 'A balance' : `Entry ${firstBad.index}`
    throw new LedgerCorruptError(`${where} of ${file} is bad: ${firstBad.reason}`)
  } finally {
    db.close()
  }
}

/** Settled: this node claims nothing for it any more. Old: none of its entries is young. The newest entry stays. */
const PRUNE = `
  CREATE TEMP TABLE pruned AS
    SELECT order_id FROM entries GROUP BY order_id
    HAVING max(at) < :before AND max(idx) < (SELECT max(idx) FROM entries)
      AND order_id NOT IN (SELECT order_id FROM claims);
`

/** Acknowledged totals of the pruned orders, for each peer, including peers without any. */
const ADD_UP = `
  INSERT INTO archived_sums (peer_id, earned, spent)
    SELECT id,
      ifnull(sum(credits) FILTER (WHERE contributor = (SELECT owner FROM meta)), 0),
      ifnull(sum(credits) FILTER (WHERE consumer = (SELECT owner FROM meta)), 0)
    FROM peers LEFT JOIN (
      SELECT peer_id, consumer, contributor, credits, max(seq) FROM entries
      WHERE kind = 'acknowledgement' AND order_id IN (SELECT order_id FROM pruned) GROUP BY order_id
    ) ON peer_id = id
    WHERE true GROUP BY id
    ON CONFLICT (peer_id) DO UPDATE SET earned = earned + excluded.earned, spent = spent + excluded.spent
`

function prune(db: DatabaseSync, before: number): ArchiveReport {
  const count = (sql: string): number => Number(db.prepare(sql).get()?.n ?? 0)
  db.exec('BEGIN IMMEDIATE')
  try {
    db.exec(PRUNE.replace(':before', String(Math.floor(before))))
    const orders = count('SELECT count(*) AS n FROM pruned')
    const all = count('SELECT count(*) AS n FROM entries')
    if (orders > 0) {
      db.exec(ADD_UP)
      db.exec('INSERT INTO archived_orders SELECT order_id FROM pruned')
      // The chain goes on behind the last entry that goes: those before it that stay are verified by their signatures.
      db.exec(`
        DELETE FROM checkpoint;
        INSERT INTO checkpoint SELECT idx, hash FROM entries
          WHERE order_id IN (SELECT order_id FROM pruned) ORDER BY idx DESC LIMIT 1;
        DROP TRIGGER entries_no_delete;
        DELETE FROM entries WHERE order_id IN (SELECT order_id FROM pruned);
        ${NO_DELETE};
      `)
    }
    db.exec('DROP TABLE pruned; COMMIT')
    const left = count('SELECT count(*) AS n FROM entries')
    return { orders, entries: all - left, left }
  } catch (err) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw err
  }
}
