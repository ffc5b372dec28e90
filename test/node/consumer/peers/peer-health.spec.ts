import assert from 'node:assert/strict'
import { NO_FAULT, PeerHealth } from '../../../../node/consumer/peers/peer-health.ts'
import { NOW } from '../../../support/records.ts'

describe('node/consumer/peers/peer-health', () => {
  let health: PeerHealth

  beforeEach(() => {
    health = new PeerHealth()
  })

  it('puts a peer last for 30 s after two failures in a row', () => {
    health.failure(NOW)
    assert.equal(health.failing(NOW), false)
    health.failure(NOW)
    assert.equal(health.failing(NOW), true)
    assert.equal(health.failing(NOW + 29_999), true)
    assert.equal(health.failing(NOW + 30_000), false)
  })

  it('puts it last again at the next failure after that', () => {
    health.failure(NOW)
    health.failure(NOW)
    health.failure(NOW + 40_000)
    assert.equal(health.failing(NOW + 69_999), true)
  })

  it('puts it last no longer where the clock was set back', () => {
    health.failure(NOW)
    health.failure(NOW)
    assert.equal(health.failing(NOW - 3_600_000), false)
  })

  it('forgets failures at a success', () => {
    health.failure(NOW)
    health.success('m:latest', NOW)
    health.failure(NOW)
    assert.equal(health.failing(NOW), false)
    health.failure(NOW)
    health.success('m:latest', NOW)
    assert.equal(health.failing(NOW), false)
    assert.deepEqual([health.answered, health.failed], [2, 3])
  })

  it('takes a peer for unreachable after two connection failures in a row, until a probe after 30 s', () => {
    health.failure(NOW, 'peer_lost')
    assert.equal(health.unreachable, false)
    health.failure(NOW, 'engine_failed')
    health.failure(NOW, 'deadline')
    assert.equal(health.unreachable, false)
    health.failure(NOW, 'peer_lost')
    assert.equal(health.unreachable, true)
    assert.deepEqual([health.probeDue(NOW + 29_999), health.probeDue(NOW + 30_000)], [false, true])
    health.probed(false, NOW + 30_000)
    assert.equal(health.unreachable, true)
    assert.deepEqual([health.probeDue(NOW + 59_999), health.probeDue(NOW + 60_000)], [false, true])
    health.probed(true, NOW + 60_000)
    assert.equal(health.unreachable, false)
    health.failure(NOW + 61_000, 'peer_lost')
    assert.equal(health.unreachable, true)
    health.success('m:latest', NOW + 62_000)
    assert.equal(health.unreachable, false)
  })

  it('tells which part of the requests failed lately', () => {
    assert.equal(health.failureRate(0.02), 0.02)
    for (let i = 0; i < 100; i++) health.success('m:latest', NOW)
    assert.ok(health.failureRate(0.02) < 0.001)
    for (let i = 0; i < 20; i++) health.failure(NOW)
    assert.ok(health.failureRate(0.02) > 0.4)
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
