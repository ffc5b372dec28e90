/** How long a presence is asked to hold at a tracker, in milliseconds; it is renewed after half of what is granted. */
export const TRACKER_TTL_MS = 10 * 60 * 1000

/** The same on Nostr, whose relays are not made for more. */
export const NOSTR_TTL_MS = 30 * 60 * 1000

/** Shortest time between two announcements at one place, in milliseconds, whatever has changed. */
export const MIN_ANNOUNCE_MS = 10_000

/** How often it is looked whether there is something new to announce, in milliseconds. */
export const CHANGE_CHECK_MS = 1000

/** First wait after a failure or a look that found nobody, doubled each time, in milliseconds. */
export const FIRST_WAIT_MS = 2000

/** Longest wait after a failure, in milliseconds. */
export const LONGEST_WAIT_MS = 5 * 60 * 1000

/** From one look to the next while the node is connected to somebody, in milliseconds. */
export const LOOK_INTERVAL_MS = 60_000

/** The longest wait for the next look while it is connected to nobody, in milliseconds. */
export const LONELY_INTERVAL_MS = 15_000

/** Longest exchange with a tracker or a Nostr relay, in milliseconds, the connection included. */
export const EXCHANGE_TIMEOUT_MS = 10_000

/** Longest wait for the withdrawals of a node that stops, in milliseconds. */
export const WITHDRAW_TIMEOUT_MS = 3000

/** Records that are taken from one look at one place. */
export const MAX_FOUND = 100

/** Bytes that a Nostr relay may send in one message, and in one exchange. */
export const MAX_NOSTR_MESSAGE_BYTES = 64 * 1024
export const MAX_NOSTR_EXCHANGE_BYTES = 2 * 1024 * 1024

/** Peers that are dialled after one look, and of those at the same time. */
export const MAX_DIALS = 16
export const DIALS_AT_ONCE = 4

/** Relays that were found here and are kept connected. */
export const WANTED_RELAYS = 3

/** Longest dial of one peer, in milliseconds. */
export const DIAL_TIMEOUT_MS = 10_000

/** First time for which a peer that could not be reached is left alone, doubled each time, in milliseconds. */
export const FIRST_AVOID_MS = 30_000
export const LONGEST_AVOID_MS = 30 * 60 * 1000

/** Peers that could not be reached and are remembered. */
export const MAX_AVOIDED = 1024

/** Addresses that a node announces, the farthest-reaching first. */
export const MAX_ANNOUNCED_ADDRESSES = 8

/** Models that a node names. */
export const MAX_ANNOUNCED_MODELS = 32
