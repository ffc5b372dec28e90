/** Bytes of a stored piece of a file: SQLite holds one in memory at a time. */
export const CHUNK_BYTES = 256 * 1024

/** Total bytes of the database by default. */
export const DEFAULT_DISK_BYTES = 4 * 1024 ** 3

/** The share of the disk that new work may fill: the rest is for answers of work that was accepted. */
export const INTAKE_SHARE = 0.8

/** How often expired files are deleted, in milliseconds. */
export const SWEEP_INTERVAL_MS = 60_000

/** Lines of one batch in memory at once, beyond those that run. */
export const LINE_PAGE = 64

/** Times that a line is asked before it is given up; refusals for want of a slot do not count. */
export const MAX_TRIES = 5

/** Shortest and longest wait before a line is asked again, in milliseconds. */
export const SHORTEST_WAIT_MS = 250
export const LONGEST_WAIT_MS = 30_000

/** Longest wait for a slot, in milliseconds: one may be free at any moment. */
export const LONGEST_BUSY_WAIT_MS = 4_000

/** Lines that run at once to begin with. */
export const FIRST_CONCURRENCY = 4

/** Shortest time between two halvings of the number of lines that run at once, in milliseconds. */
export const HALVING_INTERVAL_MS = 1_000

/** Time that running lines get to finish when their batch is cancelled, in milliseconds. */
export const CANCEL_GRACE_MS = 10_000
