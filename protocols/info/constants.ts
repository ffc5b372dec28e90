/** How long an announcement holds, in milliseconds. A contributor repeats it well before that. */
export const ANNOUNCEMENT_TTL_MS = 60_000

/** How often a contributor repeats its announcement when nothing changes, in milliseconds. */
export const ANNOUNCEMENT_INTERVAL_MS = 20_000

/** Shortest time between two announcements of changed load, in milliseconds. */
export const ANNOUNCEMENT_MIN_INTERVAL_MS = 250

/** Longest wait for the stream to open and for the first announcement, in milliseconds. */
export const INFO_TIMEOUT_MS = 10_000

/** Subscriptions that one connection may hold. */
export const MAX_INFO_STREAMS = 4
