import { certainPromptTokens, type InferenceRequest, type Usage } from '../../../protocols/index.ts'
import { EXPECTED_COMPLETION_TOKENS, OVERDUE_PART, PACE_WEIGHT, PROMPT_PART } from './constants.ts'

/** What an answer takes of the engine, in completion tokens. */
export function workOf({ promptTokens, completionTokens, cachedTokens = 0 }: Usage): number {
  return Math.max(0, promptTokens - cachedTokens) * PROMPT_PART + completionTokens
}

/** Learns from answers how many tokens the next one takes, and how long. */
export class ServiceTimes {
  #completionTokens = EXPECTED_COMPLETION_TOKENS
  #msPerToken: number | undefined

  /** Takes an answer that a slot worked on for so long. */
  observe(work: number, completionTokens: number, ms: number): void {
    if (work <= 0) return
    this.#msPerToken = smoothed(this.#msPerToken ?? ms / work, ms / work)
    if (completionTokens > 0) this.#completionTokens = smoothed(this.#completionTokens, completionTokens)
  }

  /** The work that a request is expected to be, in completion tokens; `promptTokens` where they are known better. */
  expectedWork(request: InferenceRequest, promptTokens = certainPromptTokens(request)): number {
    if (request.kind === 'embedding') return workOf({ promptTokens, completionTokens: 0 })
    const completionTokens = Math.min(request.max_tokens ?? Infinity, this.#completionTokens)
    return workOf({ promptTokens, completionTokens })
  }

  /** How long so much work takes a slot, in milliseconds; undefined before anything was measured. */
  expectedMs(work: number): number | undefined {
    return this.#msPerToken === undefined ? undefined : work * this.#msPerToken
  }

  /** How long work that has run for `elapsedMs` goes on, in milliseconds; undefined before anything was measured. */
  remainingMs(work: number, elapsedMs: number): number | undefined {
    const expected = this.expectedMs(work)
    return expected === undefined ? undefined : Math.max(expected - elapsedMs, expected * OVERDUE_PART)
  }
}

/**
 * When each of those that wait gets a slot, and after them the next who would come, in milliseconds from now.
 * `running` says how long each slot that works goes on, `waiting` how long the work of each takes, in their order.
 */
export function expectedWaits(slots: number, running: number[], waiting: number[]): number[] {
  const free = [...running, ...Array.from({ length: Math.max(0, slots - running.length) }, () => 0)]
  free.sort((a, b) => a - b)
  // Where fewer slots are left than work, those that work the longest are the ones that are left.
  const ends = free.slice(Math.max(0, free.length - Math.max(1, slots)))
  return [...waiting, 0].map((ms) => {
    const at = ends.indexOf(Math.min(...ends))
    const wait = ends[at] ?? 0
    ends[at] = wait + ms
    return wait
  })
}

function smoothed(before: number, seen: number): number {
  return before + (seen - before) * PACE_WEIGHT
}
