import assert from 'node:assert/strict'
import { swarm } from '../support/swarm.ts'

describe('a swarm of 50 nodes', function () {
  this.timeout(240_000)

  it('finds a live contributor with every look-up', async () => {
    const { lookups, found, firstTokenMs } = await swarm(50, 2)
    assert.equal(lookups, 80)
    assert.equal(found, lookups)
    assert.ok(firstTokenMs > 0)
  })
})
