import {
  ENOUGH_KNOWN,
  EXPLORED_PART,
  EXPLORED_PART_IN_NEED,
  KNOWN_EVIDENCE,
  LEAST_EXPLORED,
  USUAL_FAILURE_RATE
} from './constants.ts'
import { relationOf, type Candidate } from './judged.ts'
import type { Standing } from '../peers/peer-health.ts'

/** So many times slower than the fastest, a peer is no help. */
const SLOW_FACTOR = 5

/** A start that is as good as none, in milliseconds. */
const FAST_START_MS = 200

/** Slowest first token of a peer that is as good as any, in milliseconds. */
const GOOD_FIRST_TOKEN_MS = 1000

/** What a mesh has shown itself to be: peers that were asked and did well, and others. */
export interface Evidence {
  good: number
  bad: number
}

/** What is looked at of a candidate. */
type Seen = Pick<Candidate, 'firstTokenMs' | 'standing' | 'pace'> & Parameters<typeof relationOf>[0]

/** Judges a mesh by all candidates for a request, those included that have refused it. */
export function evidenceOf(candidates: readonly Seen[]): Evidence {
  const remote = candidates.filter(({ provider }) => provider.route !== 'local')
  const proven = remote.filter((candidate) => standingOf(candidate) === 'proven')
  const fastest = Math.max(FAST_START_MS, Math.min(...proven.map(startOf)))
  const slow = proven.filter((candidate) => startOf(candidate) > fastest * SLOW_FACTOR)
  const evasive = remote.filter((candidate) => standingOf(candidate) === 'evasive')
  return { good: remote.filter(isGood).length, bad: slow.length + evasive.length }
}

/** Whether a candidate has answered as fast as people expect: others may be faster than slower ones. */
function isGood(candidate: Seen): boolean {
  return standingOf(candidate) === 'proven' && startOf(candidate) <= GOOD_FIRST_TOKEN_MS
}

/** How long a candidate's first token takes, the reading of the prompt not counted where its pace is known, in milliseconds. */
function startOf({ pace, firstTokenMs }: Seen): number {
  return pace !== undefined && pace.evidence >= KNOWN_EVIDENCE ? pace.startMs : (firstTokenMs ?? 0)
}

/** Whether this node has reasons to rely on a candidate that no stranger can make up. */
export function isTrusted(candidate: Seen): boolean {
  return ['own', 'friend', 'creditor'].includes(relationOf(candidate))
}

/** Whether nothing is to be feared of a candidate; where most peers of a mesh do badly, only those that did well are safe. */
export function isSafe(candidate: Seen, { good, bad }: Evidence): boolean {
  const doubtful = bad > 1 && bad > good
  return !doubtful || isTrusted(candidate) || isGood(candidate)
}

/** Whether a candidate comes last: it has only refused or failed, lately. */
export function sinks(candidate: Candidate): boolean {
  return candidate.failing === true || (!isTrusted(candidate) && standingOf(candidate) === 'evasive')
}

/**
 * The part of requests that goes to unknown peers: the less, the more are known, and the more of those asked did badly.
 * Where none of those asked did well, an unknown peer can only be better.
 */
export function exploredPart({ good, bad }: Evidence, known: number): number {
  const curious = Math.max(LEAST_EXPLORED, 1 - known / ENOUGH_KNOWN)
  const part = good === 0 ? EXPLORED_PART_IN_NEED : EXPLORED_PART * ((good + 1) / (good + bad + 1)) ** 2
  return part * curious
}

/** How often a candidate is expected to fail that has not shown it: as others did. */
export function unknownFailureRate(candidate: Seen, { good, bad }: Evidence): number {
  if (isTrusted(candidate) || standingOf(candidate) === 'proven') return USUAL_FAILURE_RATE
  return (bad + USUAL_FAILURE_RATE) / (good + bad + 1)
}

/** How a candidate has done. */
export function standingOf({ standing, firstTokenMs }: Seen): Standing {
  return standing ?? (firstTokenMs === null ? 'unproven' : 'proven')
}
