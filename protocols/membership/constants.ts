/** Begins an invite by the pre-shared key alone, or one that a mesh's owner signed. */
export const INVITE_PREFIXES = ['lobstah1', 'lobstah2'] as const

/** Longest wait for a new connection to prove that a member is at its other end, in milliseconds. */
export const ADMISSION_TIMEOUT_MS = 10_000

/** Most peers or invites in one list of a statement. */
export const MAX_LISTED = 2000

/** Most statements that a peer keeps and sends: the root's, and one of each other owner. */
export const MAX_STATEMENTS = 16

/** Longest text of an invite, in characters. */
export const MAX_INVITE_LENGTH = 4096

/** How long a key that was replaced still opens connections, in milliseconds: 30 days. */
export const OLD_KEY_MS = 30 * 24 * 3600 * 1000

/** Most keys that were replaced and still open connections. */
export const MAX_OLD_KEYS = 4
