import type { OfferedModel } from '../../../protocols/index.ts'
import { USUAL_PACE } from '../peers/pace.ts'
import {
  BYTES_PER_PARAMETER,
  FAILURE_MS,
  FAILURE_PART,
  LOAD_BYTES_PER_SECOND,
  LOAD_START_MS,
  ROUND_TRIPS,
  SHARED_SLOWDOWN,
  USUAL_ANSWER_TOKENS,
  USUAL_FAILURE_RATE,
  USUAL_PROMPT_TOKENS,
  USUAL_ROUND_TRIP_MS
} from './constants.ts'
import type { Candidate, Terms } from './judged.ts'

/** The work of a request, in tokens. */
export interface Work {
  prompt: number
  answer: number
}

/** The terms that are time: all but price and relation. */
export type TimeTerms = Omit<Terms, 'price' | 'relation'>

/** How long a candidate is expected to take, term by term, in milliseconds. `failureRate` stands in where none is known. */
export function expectedTime(
  candidate: Candidate,
  { prompt, answer }: Work,
  failureRate: number = USUAL_FAILURE_RATE
): TimeTerms {
  const { provider, model, pace = USUAL_PACE, load, slots = 1, warmTokens = 0 } = candidate
  const roundTrip = candidate.roundTripMs ?? USUAL_ROUND_TRIP_MS[provider.route]
  const { startMs, readMs, writeMs } = pace
  // Others ask for the like of what this one asks for.
  const service =
    startMs + readMs * Math.max(prompt, USUAL_PROMPT_TOKENS) + writeMs * Math.max(answer, USUAL_ANSWER_TOKENS)
  const terms = {
    path: roundTrip * ROUND_TRIPS,
    queue: service * turnsBefore(load, slots),
    load: model.loaded === false ? loadTime(model) : 0,
    prefill: startMs + readMs * Math.max(0, prompt - warmTokens),
    decode: writeMs * answer * (1 + SHARED_SLOWDOWN * Math.min(1, load))
  }
  const whole = sum(terms)
  return {
    ...terms,
    risk: (candidate.failureRate ?? failureRate) * (FAILURE_MS + whole * FAILURE_PART)
  }
}

/** The sum of terms. */
export function sum(terms: Partial<Terms>): number {
  return Object.values(terms).reduce((total, term) => total + term, 0)
}

/** How many answers, one after another, a request waits for: those running are half done on average. */
function turnsBefore(load: number, slots: number): number {
  const ahead = load * slots - slots
  return ahead < 0 ? 0 : ahead / slots + 0.5 / slots
}

/** How long an engine needs to put a model into memory, in milliseconds. */
function loadTime({ size, parameters }: OfferedModel): number {
  const bytes = size ?? (parameters ?? 1e9) * BYTES_PER_PARAMETER
  return LOAD_START_MS + (bytes / LOAD_BYTES_PER_SECOND) * 1000
}
