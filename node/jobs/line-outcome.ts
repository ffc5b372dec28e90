import { LONGEST_BUSY_WAIT_MS, LONGEST_WAIT_MS, SHORTEST_WAIT_MS } from './constants.ts'

/** The answer to one line, as over HTTP. */
export interface LineOutcome {
  status: number
  requestId: string
  body: unknown
  /** How long to wait before the line is asked again, where the answer says so. */
  retryAfterMs?: number | undefined
}

/** The next step after an outcome. */
export type Verdict =
  /** The answer. */
  | 'done'
  /** Refused for want of a slot: ask again, with fewer at once. */
  | 'busy'
  /** Nobody to ask now: ask again. */
  | 'absent'
  /** It failed, perhaps by itself: ask again a few times. */
  | 'retry'
  /** It will fail again. */
  | 'failed'

const BUSY = new Set(['busy', 'rate_limit_exceeded'])
/** A contributor may come back within the window; a node that shuts down starts again. */
const ABSENT = new Set(['no_provider', 'model_not_found', 'shutting_down', 'cancelled'])

/** Judges an outcome by its status and its code. */
export function judge({ status, body }: LineOutcome): Verdict {
  if (status >= 200 && status < 300) return 'done'
  const code = codeOf(body)
  if (BUSY.has(code)) return 'busy'
  if (ABSENT.has(code)) return 'absent'
  return status === 408 || status === 429 || status >= 500 || code === 'credit_exhausted' ? 'retry' : 'failed'
}

/** How long to wait before the next try, in milliseconds: longer each time, and not the same for all. */
export function waitFor(
  verdict: Verdict,
  waits: number,
  retryAfterMs: number | undefined,
  random: () => number
): number {
  const wait = Math.min(
    verdict === 'busy' ? LONGEST_BUSY_WAIT_MS : LONGEST_WAIT_MS,
    SHORTEST_WAIT_MS * 2 ** Math.min(waits, 16)
  )
  return Math.max(Math.min(retryAfterMs ?? 0, LONGEST_WAIT_MS), wait * (0.5 + random() / 2))
}

function codeOf(body: unknown): string {
  if (typeof body !== 'object' || body === null || !('error' in body)) return ''
  const { error } = body
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
}
