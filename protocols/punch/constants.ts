/** Longest frame of these protocols, in bytes. */
export const MAX_PUNCH_FRAME_BYTES = 4096

/** Longest wait for one frame of the other side, STUN included, in milliseconds. */
export const PUNCH_EXCHANGE_TIMEOUT_MS = 10_000

/** Longest time for punching itself, in milliseconds. */
export const PUNCH_TIMEOUT_MS = 6000

/** Packets that one side may send in one attempt before a path is found. */
export const MAX_PROBES = 2048

/** Length of a token, in bytes. */
export const TOKEN_BYTES = 16
