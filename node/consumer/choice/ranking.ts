import type { InferenceRequest } from '../../../protocols/index.ts'
import { GOOD_FACTOR, GOOD_MS } from './constants.ts'
import { evidenceOf, exploredPart, sinks, type Evidence } from './evidence.ts'
import { judge, type JudgeOptions } from './judge.ts'
import type { Candidate, Judged } from './judged.ts'

/**
 * The order in which candidates are asked; those that are excluded are left out. Candidates that only failed lately come
 * last; before them, those that can do what is asked come first, and of these the ones that are expected to finish first.
 * Of the good ones two are taken at random, and the better of them leads, so that consumers that do not see one another
 * do not all go to the same peer. A part of the requests goes to a peer whose pace is unknown.
 */
export function order<C extends Candidate>(
  judged: readonly Judged<C>[],
  evidence: Evidence,
  random: () => number = Math.random
): Judged<C>[] {
  const sorted = judged
    .filter(({ exclusions }) => exclusions.length === 0)
    .map((entry) => ({ entry, lot: random() }))
    .toSorted(
      (a, b) =>
        Number(sinks(a.entry.candidate)) - Number(sinks(b.entry.candidate)) ||
        a.entry.lacks.length - b.entry.lacks.length ||
        a.entry.score - b.entry.score ||
        a.lot - b.lot
    )
    .map(({ entry }) => entry)
  const [best] = sorted
  if (best === undefined) return []
  const rivals = sorted.filter(
    (other) => other.lacks.length === best.lacks.length && sinks(other.candidate) === sinks(best.candidate)
  )
  const lead = explored(rivals, evidence, random) ?? betterOfTwo(rivals, best, random)
  return [lead, ...sorted.filter((other) => other !== lead)]
}

/** The candidates in the order in which they are asked. */
export function rank<C extends Candidate>(
  candidates: readonly C[],
  request: InferenceRequest,
  random: () => number = Math.random,
  options: JudgeOptions = {}
): C[] {
  const evidence = options.evidence ?? evidenceOf(candidates)
  const judged = judge(candidates, request, { ...options, evidence })
  return order(judged, evidence, random).map(({ candidate }) => candidate)
}

/**
 * A peer to be measured, where it is this request's turn. The own engine keeps what it has a free slot for, and a peer
 * the session whose prompt it holds: another would read all of it again.
 */
function explored<C extends Candidate>(
  rivals: readonly Judged<C>[],
  evidence: Evidence,
  random: () => number
): Judged<C> | undefined {
  const best = rivals[0]?.candidate
  if (best?.provider.route === 'local' || (best?.warmTokens ?? 0) > 0) return undefined
  const unknown = rivals.filter(
    ({ known, candidate }) => !known && candidate.load < 1 && candidate.provider.route !== 'local'
  )
  const known = rivals.filter((rival) => rival.known).length
  if (unknown.length === 0 || random() >= exploredPart(evidence, known)) return undefined
  return unknown[Math.floor(random() * unknown.length)]
}

/** The better of two that are taken at random from those nearly as good as the best. */
function betterOfTwo<C extends Candidate>(
  rivals: readonly Judged<C>[],
  best: Judged<C>,
  random: () => number
): Judged<C> {
  const limit = Math.max(best.score * GOOD_FACTOR, best.score + GOOD_MS)
  const good = rivals.filter(({ score }) => score <= limit)
  const first = Math.floor(random() * good.length)
  const second = Math.floor(random() * (good.length - 1))
  // They are sorted: the lower of two places is the better one.
  return good[Math.min(first, second < first ? second : second + 1)] ?? best
}
