import { MAX_REQUEST_BYTES } from '../../../protocols/index.ts'

/** Most bytes of request documents that are read, wait or are answered, of all peers together. */
export const MAX_BYTES = 2 * MAX_REQUEST_BYTES

/** The same of one peer. */
export const MAX_BYTES_OF_PEER = MAX_REQUEST_BYTES

/** Requests of this node's own user that may wait; those of peers do not count among them. */
export const MAX_OWN_WAITING = 1024

/**
 * How long an order keeps its place in a full queue while its request is on the way, in milliseconds. Where there
 * is room, it may take its time.
 */
export const ARRIVAL_MS = 5000

/** Tokens that each waiting peer of weight 1 is given in a round, and the least that a request counts. */
export const QUANTUM_TOKENS = 16

/** The most that a peer owes, or has left, for answers that took more or fewer tokens than expected. */
export const DEBT_LIMIT_TOKENS = 16_384

/** Peers whose debts are remembered while others wait. */
export const MAX_DEBTORS = 1024

/** A prompt token takes this part of a completion token's time: it is read in a batch with the others. */
export const PROMPT_PART = 0.25

/** Completion tokens that an answer is expected to have before any was measured. */
export const EXPECTED_COMPLETION_TOKENS = 256

/** How much one answer changes what is known of the pace, from 0 to 1. */
export const PACE_WEIGHT = 0.2

/** Part of its expected time that an answer which has outlasted it is still expected to take. */
export const OVERDUE_PART = 0.25

/** Bounds of the pause that a refused consumer is asked for, in milliseconds. */
export const MIN_RETRY_AFTER_MS = 250
export const MAX_RETRY_AFTER_MS = 600_000
