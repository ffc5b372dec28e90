import type { Candidate } from '../../node/consumer/choice/judged.ts'
import { rank } from '../../node/consumer/choice/ranking.ts'
import type { InferenceRequest } from '../../protocols/index.ts'
import type { Policy, SimulatedRequest } from './simulate.ts'

/** Every true speed, queue and absence is known, and each request in turn goes where it really ends first. */
const best: Policy = ({ candidates, truth }) => least(candidates, truth)

/** The ranking of this node. */
const ranking: Policy = ({ candidates, request, random }) => rank(candidates, requestOf(request), random)[0]

const anybody: Policy = ({ candidates, random }) => candidates[Math.floor(random() * candidates.length)]

const leastLoaded: Policy = ({ candidates, random }) => least(candidates, ({ load }) => load + random() / 1e6)

/** The ranking before expected times, for comparison: free peers first, then by median first token and load. */
const before: Policy = ({ candidates, random }) => {
  const explores = random() < 0.2
  return least(candidates, ({ firstTokenMs, load }) => {
    const full = load < 1 ? 0 : 1e12
    const unknown = explores && firstTokenMs === null && load < 1 ? 0 : 1e9
    return full + unknown + (firstTokenMs ?? 300) * (1 + load) * (1 + random() / 10)
  })
}

/** All policies that are compared, the best assignment first. */
export const POLICIES = { best, ranking, before, 'least-loaded': leastLoaded, random: anybody } as const

function least(candidates: Candidate[], score: (candidate: Candidate) => number): Candidate | undefined {
  let found: Candidate | undefined
  let lowest = Infinity
  for (const candidate of candidates) {
    const value = score(candidate)
    if (found === undefined || value < lowest) [found, lowest] = [candidate, value]
  }
  return found
}

function requestOf({ prompt, answer }: SimulatedRequest): InferenceRequest {
  return { kind: 'completion', model: 'm', prompt: 'abc '.repeat(prompt), max_tokens: answer }
}
