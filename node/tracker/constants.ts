/** Longest time that a tracker keeps a presence, in milliseconds. */
export const MAX_TTL_MS = 15 * 60 * 1000

/** Presences in all: at 8 KiB each, 40 MiB. */
export const MAX_ENTRIES = 5000

/** Presences from one address: a company behind one NAT. */
export const MAX_PER_HOST = 32

/** The same of an IPv4 /24. */
export const MAX_PER_SUBNET = 128

/** Announcements and withdrawals that one address may send in a minute. */
export const WRITES_PER_MINUTE = 60

/** Lists that one address may fetch in a minute. */
export const READS_PER_MINUTE = 60

/** Requests in a second from all addresses together: each announcement costs a signature. */
export const REQUESTS_PER_SECOND = 500

/** Addresses whose rates are counted. */
export const MAX_COUNTED_HOSTS = 16_384

/** Open connections in all, and of one address. */
export const MAX_CONNECTIONS = 1024
export const MAX_CONNECTIONS_PER_HOST = 64

/** Longest time for a request to arrive, in milliseconds. */
export const REQUEST_TIMEOUT_MS = 10_000

/** How long a quiet connection stays open, in milliseconds. */
export const KEEP_ALIVE_MS = 5000

/** Where a tracker listens unless told otherwise. */
export const DEFAULT_TRACKER_HOST = '0.0.0.0'
export const DEFAULT_TRACKER_PORT = 17_480
