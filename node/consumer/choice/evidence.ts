import type { Provider } from '../../../protocols/index.ts'
import type { Standing } from '../peers/peer-health.ts'

/** So many times slower than the fastest, a peer is no help. */
const SLOW_FACTOR = 5

/** Slowest first token of a peer that is as good as any, in milliseconds. */
const GOOD_FIRST_TOKEN_MS = 1000

/** The part of requests by which peers that were never asked are measured, where peers do well. */
const EXPLORED_PART = 0.2

/** What a mesh has shown itself to be: peers that were asked and did well, and others. */
export interface Evidence {
  good: number
  bad: number
}

/** What is looked at of a candidate. */
interface Seen {
  provider: Pick<Provider, 'route'>
  firstTokenMs: number | null
  standing?: Standing
}

/** Judges a mesh by all candidates for a request, those included that have refused it. */
export function evidenceOf(candidates: readonly Seen[]): Evidence {
  const remote = candidates.filter(({ provider }) => provider.route !== 'local')
  const proven = remote.filter((candidate) => standingOf(candidate) === 'proven')
  const fastest = Math.min(...proven.map(({ firstTokenMs }) => firstTokenMs ?? Infinity))
  const slow = proven.filter(({ firstTokenMs }) => (firstTokenMs ?? 0) > fastest * SLOW_FACTOR)
  const evasive = remote.filter((candidate) => standingOf(candidate) === 'evasive')
  return { good: remote.filter(isGood).length, bad: slow.length + evasive.length }
}

/** Whether a candidate has answered as fast as people expect: others may be faster than slower ones. */
export function isGood(candidate: Seen): boolean {
  return standingOf(candidate) === 'proven' && (candidate.firstTokenMs ?? 0) <= GOOD_FIRST_TOKEN_MS
}

/** Whether more peers of a mesh have done badly than well. */
export function isDoubtful({ good, bad }: Evidence): boolean {
  return bad > 1 && bad > good
}

/** The part of requests that goes to peers never asked: the less, the more of those asked did badly. */
export function exploredPart({ good, bad }: Evidence): number {
  return EXPLORED_PART * ((good + 1) / (good + bad + 1)) ** 2
}

/** How a candidate has done. */
export function standingOf({ standing, firstTokenMs }: Seen): Standing {
  return standing ?? (firstTokenMs === null ? 'unproven' : 'proven')
}
