/** Claims that a contributor sends before it says where the next page begins. */
export const CLAIMS_PAGE = 64

/** Pages of one exchange. */
export const MAX_CLAIM_PAGES = 64

/** Longest wait for the stream to open, and for each frame, in milliseconds. */
export const CLAIM_TIMEOUT_MS = 10_000

/** Streams that one connection may have open for this protocol. */
export const MAX_RECEIPTS_STREAMS = 1

/** Completion tokens beyond the last acknowledged receipt that a consumer accepts without having seen the text. */
export const MAX_UNSEEN_TOKENS = 1536

/** Micro-credits that a consumer accepts in a day without having seen the text, of all contributors together. */
export const MAX_UNSEEN_CREDITS_A_DAY = 1e12

/** The same of one contributor: an agent's turn on a large model, lost with the consumer's memory. */
export const MAX_UNSEEN_CREDITS_OF_ONE = 5e11

/** Receipts after the last acknowledged one that may be missing: two that were not acknowledged, and the final one. */
export const MAX_UNSEEN_RECEIPTS = 3
