/** Marks the file as a job store: `LSJB`. */
export const APPLICATION_ID = 0x4c53_4a42

/** Each brings the schema one version further. Content is sealed; ids, owners, sizes and times are not. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (proof BLOB NOT NULL);
  CREATE TABLE files (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    purpose TEXT NOT NULL,
    name BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    ready INTEGER NOT NULL
  );
  CREATE TABLE chunks (file TEXT NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (file, n));
  CREATE TABLE batches (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    open INTEGER NOT NULL,
    document BLOB NOT NULL
  );
  CREATE TABLE lines (
    batch TEXT NOT NULL,
    n INTEGER NOT NULL,
    state INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (batch, n)
  );
  CREATE INDEX lines_by_state ON lines (batch, state, n);
  CREATE TABLE kept (job TEXT NOT NULL, choice INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (job, choice));
  `
]
