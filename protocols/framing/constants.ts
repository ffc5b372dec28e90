/** Longest frame of any kind but the request document, in bytes. */
export const MAX_FRAME_BYTES = 1024 * 1024

/** Longest request document, in bytes: an agent's long session with images. */
export const MAX_REQUEST_BYTES = 64 * 1024 * 1024

/** Bytes that may wait unread before the stream is paused and the sender's window fills. */
export const READ_HIGH_WATER_BYTES = 256 * 1024

/** Longest length prefix: enough for {@link MAX_REQUEST_BYTES}, in bytes. */
export const MAX_PREFIX_BYTES = 4

/** Longest wait for a peer that does not read, in milliseconds: a client that is slow is not lost at once. */
export const WRITE_TIMEOUT_MS = 120_000

/** How long an end waits for the peer's before the stream is reset, in milliseconds: a reset drops what was not read. */
export const LINGER_MS = 5000

/** Longest time from a frame's first byte to its last, in milliseconds; request documents have a time of their own. */
export const FRAME_TIMEOUT_MS = 30_000

/** Most bytes of frames that have begun and are not whole, over all streams of a process; without request documents. */
export const MAX_UNFINISHED_BYTES = 32 * 1024 * 1024
