/**
 * The ranking of contributors against the best assignment, on simulated meshes: `--peers` (200), `--requests` (6000),
 * `--consumers` (10), `--seed` (7). Prints mean and p95 of the time to finish as multiples of the best assignment's.
 */
import { parseArgs } from 'node:util'
import { POLICIES } from '../test/simulator/policies.ts'
import { scenarios } from '../test/simulator/scenarios.ts'
import { simulate } from '../test/simulator/simulate.ts'

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: '200' },
    requests: { type: 'string', default: '6000' },
    consumers: { type: 'string', default: '10' },
    seed: { type: 'string', default: '7' }
  }
})
const size = {
  peers: Number(values.peers),
  requests: Number(values.requests),
  consumers: Number(values.consumers)
}
const names = Object.keys(POLICIES) as (keyof typeof POLICIES)[]
console.log(`| scenario | ${names.map((name) => `${name}: mean, p95`).join(' | ')} | fullest |`)
console.log(`| --- |${' --- |'.repeat(names.length + 1)}`)
for (const scenario of scenarios(size, Number(values.seed))) {
  const outcomes = names.map((name) => simulate(scenario, POLICIES[name], Number(values.seed)))
  const [best] = outcomes
  if (best === undefined) break
  const cells = outcomes.map(({ mean, p95 }, index) =>
    index === 0
      ? `${(mean / 1000).toFixed(1)} s, ${(p95 / 1000).toFixed(1)} s`
      : `${(mean / best.mean).toFixed(2)}, ${(p95 / best.p95).toFixed(2)}`
  )
  console.log(`| ${scenario.name} | ${cells.join(' | ')} | ${(outcomes[1]?.fullest ?? 0).toFixed(2)} |`)
}
