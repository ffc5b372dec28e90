/** How long rows of an hour are kept before they are summed by day, in milliseconds. */
export const HOURS_KEPT_MS = 40 * 24 * 3600 * 1000

/** How long rows of a day are kept before they are summed by month, in milliseconds. */
export const DAYS_KEPT_MS = 800 * 24 * 3600 * 1000

/** Rows in all; the oldest are dropped beyond. A row takes some 150 bytes on disk. */
export const MAX_ROWS = 40_000

/** Models and peers told apart in one hour; the rest is summed under {@link OTHERS}. */
export const MAX_ROWS_PER_HOUR = 200

/** Stands for the models and peers beyond {@link MAX_ROWS_PER_HOUR}. */
export const OTHERS = '(others)'

/** How long what happened may wait to be written, in milliseconds. */
export const FLUSH_MS = 5_000

/** Answers that wait to be written; beyond, they are written at once. */
export const MAX_PENDING = 500
