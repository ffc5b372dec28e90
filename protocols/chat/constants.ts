/** A contributor that has said nothing for this long sends a `status` frame, in milliseconds. */
export const HEARTBEAT_MS = 1000

/** A consumer takes a contributor for lost after this silence, in milliseconds: nearly three missed heartbeats. */
export const SILENCE_TIMEOUT_MS = 2900

/** Longest wait for the stream to open, or for the order to be accepted, in milliseconds. */
export const ACCEPT_TIMEOUT_MS = 10_000

/** Longest frame of a consumer but for the request document, in bytes: two records as large as they may be. */
export const MAX_CONSUMER_FRAME_BYTES = 16 * 1024

/** Longest wait for a request document, in milliseconds. */
export const REQUEST_TIMEOUT_MS = 60_000

/** Longest wait for room for a consumer's frame, in milliseconds: they are small. */
export const SEND_TIMEOUT_MS = 1000

/** Longest wait for a slot that a contributor tells, in milliseconds: a day. */
export const MAX_WAIT_MS = 86_400_000

/** Completion tokens after which a contributor sends the next receipt. */
export const RECEIPT_INTERVAL_TOKENS = 512

/** Receipts that may be unacknowledged before a contributor stops. */
export const MAX_UNACKNOWLEDGED_RECEIPTS = 2

/** Longest wait for the last acknowledgement, in milliseconds. */
export const SETTLE_TIMEOUT_MS = 5000

/** Streams that one connection may have open for this protocol; those that are closing count too. */
export const MAX_CHAT_STREAMS = 4096
