export const DEFAULT_HOST = '127.0.0.1'
export const DEFAULT_PORT = 17475
export const DEFAULT_KEEP_ALIVE_MS = 5_000
export const DEFAULT_FIRST_BYTE_MS = 5_000
export const DEFAULT_DRAIN_MS = 10_000
export const DEFAULT_STALLED_READER_MS = 60_000
/** Images make requests large; the wire's own limit for a request is the same. */
export const DEFAULT_BODY_LIMIT = 64 * 1024 * 1024
export const DEFAULT_HEADERS_TIMEOUT_MS = 10_000
export const DEFAULT_REQUEST_TIMEOUT_MS = 60_000

/** This program's version. */
export const VERSION = '0.1.0'

/** How often Node looks for connections that have run out of time to send their request. */
export const CONNECTIONS_CHECKING_INTERVAL_MS = 2_000

/** Largest request head, in bytes. */
export const MAX_HEADER_SIZE = 16_384

/** Longest route parameter, in characters: a model name, percent-encoded. */
export const MAX_PARAM_LENGTH = 512

/** How long answers that were cut have to tell their clients, before their sockets are destroyed. */
export const CUT_GRACE_MS = 1_000

/** nginx's status for a client that hung up before its answer was complete: counted and logged, never sent. */
export const CLIENT_GONE_STATUS = 499

/** Longest receipt that is sent as a header, in characters: clients refuse heads over 16 KiB. */
export const MAX_RECEIPT_HEADER_LENGTH = 8_192

/** How long browsers may remember a preflight's answer, in seconds. */
export const PREFLIGHT_MAX_AGE_S = 600

/** Entries in one page of `/receipts`. */
export const DEFAULT_RECEIPTS = 100
export const MAX_RECEIPTS = 1_000
