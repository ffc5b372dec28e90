import { z } from 'zod'

/** Longest body of a request to a tracker, in bytes: a presence of 8 KiB with every letter escaped, and its frame. */
export const MAX_TRACKER_REQUEST_BYTES = 32 * 1024

/** Longest answer of a tracker that is read, in bytes. */
export const MAX_TRACKER_ANSWER_BYTES = 2 * 1024 * 1024

/** Most records in one answer. */
export const MAX_TRACKER_PEERS = 100

/** Answer to an announcement: how long the tracker keeps it, in milliseconds. */
export const announcedSchema = z.object({ ttlMs: z.number().int().min(0) })

/** Answer to `GET /peers`. Each record is judged by itself, so that one bad record spoils nothing. */
export const peersSchema = z.object({ peers: z.array(z.unknown()) })

/** The body of a refusal. */
export const refusalSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) })

/** Why a tracker refuses, with the HTTP status. */
export const TRACKER_REFUSALS = {
  invalid_record: 400,
  invalid_request: 400,
  stale: 400,
  not_found: 404,
  replayed: 409,
  too_large: 413,
  rate_limited: 429,
  too_many: 429,
  internal_error: 500,
  full: 503
} as const
export type TrackerRefusal = keyof typeof TRACKER_REFUSALS
