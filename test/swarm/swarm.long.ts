import assert from 'node:assert/strict'
import { swarm } from '../support/swarm.ts'

describe('a swarm of 50 nodes', function () {
  this.timeout(240_000)

  it('finds a live contributor with every look-up', async () => {
    const { lookups, found, failures, p50, p95, firstTokenMs, startMs } = await swarm(50, 2)
    const [start, half, most, first] = [startMs, p50, p95, firstTokenMs].map((ms) => `${ms.toFixed(0)} ms`)
    process.stdout.write(
      `      all together after ${start}; look-up and dial: p50 ${half}, p95 ${most}; a fresh node's first token ${first}\n`
    )
    assert.deepEqual(failures, [])
    assert.deepEqual([lookups, found], [80, 80])
    assert.ok(firstTokenMs > 0)
  })
})
