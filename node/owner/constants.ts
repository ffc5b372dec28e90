/** One minute, in milliseconds. */
export const MINUTE_MS = 60_000

/** One day that has 24 hours, in milliseconds. */
export const DAY_MS = 86_400_000

/** How often the machine is looked at while it contributes, in milliseconds. */
export const LOOK_INTERVAL_MS = 5000

/** Longest wait for one look, in milliseconds. */
export const LOOK_TIMEOUT_MS = 4000

/** How often hours and pauses are compared with the clock, in milliseconds. */
export const CLOCK_INTERVAL_MS = 1000

/** Load of the graphics processor from which somebody else is using it, in percent. */
export const GPU_BUSY_PERCENT = 25

/** Looks in a row that must find the graphics processor busy: opening a window is no game. */
export const GPU_BUSY_LOOKS = 2

/** How long a busy graphics processor counts as in use after the last busy look, in milliseconds. */
export const GPU_HOLD_MS = 60_000

/** How long this node's own work may linger on the graphics processor, in milliseconds. */
export const GPU_OWN_MS = 10_000

/** When to come back where nobody can tell when the contributor opens, in milliseconds. */
export const UNKNOWN_RETRY_MS = 60_000

/** The shortest and the longest advice on when to come back, in milliseconds. */
export const MIN_RETRY_MS = 1000
export const MAX_RETRY_MS = 86_400_000
