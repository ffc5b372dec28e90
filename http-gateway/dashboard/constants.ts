/** How often a page is told of changes, in milliseconds. */
export const EVENT_INTERVAL_MS = 1_000

/** Silence after which a page is told that the node lives, in milliseconds. */
export const EVENT_PING_MS = 15_000

/** Pages that may follow the node at once. */
export const MAX_SUBSCRIBERS = 16

/** For how long a balance is shown before it is read anew, in milliseconds. */
export const BALANCE_AGE_MS = 4_000

/** Most peers, models, links and requests that one event tells of. */
export const MAX_SHOWN = 300

/** Longest look back into the history, in milliseconds. */
export const MAX_LOOK_BACK_MS = 3_700 * 24 * 3600 * 1000

/** Candidates that are shown of each running request. */
export const MAX_CANDIDATES = 6
