import assert from 'node:assert/strict'
import { POLICIES } from './policies.ts'
import { herd, scenarios } from './scenarios.ts'
import { simulate } from './simulate.ts'

/** How much slower than the best assignment 95 in 100 requests may be, by this small simulation. */
const MOST_P95 = 1.8

describe('the ranking, simulated', function () {
  this.timeout(60_000)

  for (const scenario of scenarios({ peers: 30, requests: 800, consumers: 4 }, 11)) {
    it(`is near the best assignment, and better than load or chance alone: ${scenario.name}`, () => {
      const best = simulate(scenario, POLICIES.best, 11)
      const ranking = simulate(scenario, POLICIES.ranking, 11)
      const random = simulate(scenario, POLICIES.random, 11)
      const told = JSON.stringify({ best, ranking, random })
      assert.ok(ranking.p95 <= best.p95 * MOST_P95, told)
      assert.ok(ranking.mean <= random.mean * 1.02, told)
      if (scenario.name === 'herd') return
      const leastLoaded = simulate(scenario, POLICIES['least-loaded'], 11)
      assert.ok(ranking.mean <= leastLoaded.mean, `${told} ${JSON.stringify(leastLoaded)}`)
    })
  }

  it('spreads a herd: the fullest of ten equal peers has at most twice the mean', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { fullest } = simulate(herd(seed), POLICIES.ranking, seed)
      assert.ok(fullest <= 2, `${fullest}`)
    }
  })

  it('tells a bad policy from a good one', () => {
    const scenario = herd(1)
    const { fullest } = simulate(scenario, ({ candidates }) => candidates[0], 1)
    assert.equal(fullest, 10)
  })
})
