import assert from 'node:assert/strict'
import { NO_FAULT, PeerHealth } from '../../../../node/consumer/peers/peer-health.ts'
import { NOW } from '../../../support/records.ts'

describe('node/consumer/peers/peer-health', () => {
  let health: PeerHealth

  beforeEach(() => {
    health = new PeerHealth()
  })

  it('leaves a peer out for 30 s after two failures in a row', () => {
    health.failure(NOW)
    assert.equal(health.excluded(NOW), false)
    health.failure(NOW)
    assert.equal(health.excluded(NOW), true)
    assert.equal(health.excluded(NOW + 29_999), true)
    assert.equal(health.excluded(NOW + 30_000), false)
  })

  it('leaves it out again at the next failure after that', () => {
    health.failure(NOW)
    health.failure(NOW)
    health.failure(NOW + 40_000)
    assert.equal(health.excluded(NOW + 69_999), true)
  })

  it('leaves it out no longer where the clock was set back', () => {
    health.failure(NOW)
    health.failure(NOW)
    assert.equal(health.excluded(NOW - 3_600_000), false)
  })

  it('forgets failures at a success', () => {
    health.failure(NOW)
    health.success()
    health.failure(NOW)
    assert.equal(health.excluded(NOW), false)
    health.failure(NOW)
    health.success()
    assert.equal(health.excluded(NOW), false)
    assert.deepEqual([health.answered, health.failed], [2, 3])
  })

  it('knows the median time to the first token of the latest answers', () => {
    assert.equal(health.firstTokenMs, null)
    for (const ms of [900, 100, 200]) health.firstToken(ms)
    assert.equal(health.firstTokenMs, 200)
    for (let i = 0; i < 21; i++) health.firstToken(50)
    assert.equal(health.firstTokenMs, 50)
  })

  it('holds no refusal of a full, poor or closing contributor against it', () => {
    const codes = ['busy', 'credit_exhausted', 'context_length_exceeded', 'shutting_down', 'engine_failed']
    assert.deepEqual(
      codes.map((code) => NO_FAULT.has(code)),
      [true, true, true, true, false]
    )
  })
})
