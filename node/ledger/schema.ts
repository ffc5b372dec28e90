import type { DatabaseSync } from 'node:sqlite'

/** `LOBS` in ASCII: says in the file's header whose file it is. */
export const APPLICATION_ID = 0x4c4f4253

/**
 * The tables as first published. `peers` holds what follows from `entries`, kept in the same transactions.
 * The insert trigger is there because `INSERT OR REPLACE` deletes without firing delete triggers.
 */
const VERSION_1 = `
  CREATE TABLE meta (owner TEXT NOT NULL) STRICT;

  CREATE TABLE peers (
    id INTEGER PRIMARY KEY,
    peer TEXT NOT NULL UNIQUE,
    earned INTEGER NOT NULL DEFAULT 0,
    spent INTEGER NOT NULL DEFAULT 0,
    claimed INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  CREATE TABLE entries (
    idx INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    order_id TEXT NOT NULL,
    consumer TEXT NOT NULL,
    contributor TEXT NOT NULL,
    peer_id INTEGER NOT NULL REFERENCES peers (id),
    seq INTEGER,
    final INTEGER,
    credits INTEGER,
    payload TEXT NOT NULL,
    signature TEXT NOT NULL,
    hash TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX entries_record ON entries (order_id, kind, ifnull(seq, -1));
  CREATE INDEX entries_peer ON entries (peer_id);

  CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
  CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
  CREATE TRIGGER entries_no_replace BEFORE INSERT ON entries
    WHEN NEW.idx IS NOT (SELECT ifnull(max(idx), 0) + 1 FROM entries) OR EXISTS (
      SELECT 1 FROM entries
      WHERE order_id = NEW.order_id AND kind = NEW.kind AND ifnull(seq, -1) = ifnull(NEW.seq, -1)
    )
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
`

function createVersion1(db: DatabaseSync, owner: string): void {
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
  db.exec(VERSION_1)
  db.prepare('INSERT INTO meta (owner) VALUES (?)').run(owner)
}

/**
 * The orders that this node served whose latest receipt is not acknowledged: like `peers` it follows from
 * `entries`, but for `dispute`, which is what the consumer said against the claim.
 */
const VERSION_2 = `
  CREATE TABLE claims (
    order_id TEXT PRIMARY KEY,
    peer_id INTEGER NOT NULL REFERENCES peers (id),
    seq INTEGER NOT NULL,
    credits INTEGER NOT NULL,
    dispute TEXT
  ) STRICT;
  CREATE INDEX claims_peer ON claims (peer_id, order_id);

  INSERT INTO claims (order_id, peer_id, seq, credits)
    SELECT receipt.order_id, receipt.peer_id, receipt.seq,
      max(0, receipt.credits - ifnull((
        SELECT credits FROM entries WHERE order_id = receipt.order_id AND kind = 'acknowledgement'
        ORDER BY seq DESC LIMIT 1
      ), 0))
    FROM entries AS receipt
    WHERE kind = 'receipt' AND contributor = (SELECT owner FROM meta) AND NOT EXISTS (
      SELECT 1 FROM entries
      WHERE order_id = receipt.order_id AND kind IN ('receipt', 'acknowledgement')
        AND seq >= receipt.seq + (kind = 'receipt')
    );
`

function upgradeToVersion2(db: DatabaseSync): void {
  db.exec(VERSION_2)
}

/** Claims that the owner accepted unseen in the last day, in micro-credits. */
const VERSION_3 = `
  CREATE TABLE unseen (at INTEGER NOT NULL, peer TEXT NOT NULL, credits INTEGER NOT NULL) STRICT;
`

function upgradeToVersion3(db: DatabaseSync): void {
  db.exec(VERSION_3)
}

/**
 * The entries that an archive removed: the index and hash of the last one, from which the chain continues; the orders, whose ids
 * are never used again; and what they came to for each peer.
 */
const VERSION_4 = `
  CREATE TABLE checkpoint (idx INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
  CREATE TABLE archived_orders (order_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE archived_sums (
    peer_id INTEGER PRIMARY KEY REFERENCES peers (id), earned INTEGER NOT NULL, spent INTEGER NOT NULL
  ) STRICT;
`

function upgradeToVersion4(db: DatabaseSync): void {
  db.exec(VERSION_4)
}

/** Makes the trigger that an archive puts aside while it takes out what it has copied. */
export const NO_DELETE = `CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END`

/** Migrations from version n of the file to n + 1. Published ones never change. */
export const MIGRATIONS: readonly ((db: DatabaseSync, owner: string) => void)[] = [
  createVersion1,
  upgradeToVersion2,
  upgradeToVersion3,
  upgradeToVersion4
]

/** The version that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length
