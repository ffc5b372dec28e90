import assert from 'node:assert/strict'
import { Attempts } from '../../../../node/consumer/choice/attempts.ts'
import {
  BusyError,
  ContextLengthExceededError,
  EngineFailedError,
  PeerLostError
} from '../../../../protocols/index.ts'

describe('node/consumer/choice/attempts', () => {
  it('ends after four failures that took their time, or eight that did not', () => {
    for (const [ms, count] of [
      [1500, 4],
      [10, 8]
    ] as const) {
      const failing = new Attempts()
      let now = 0
      for (let i = 0; i < count; i++) {
        assert.equal(failing.open(now), true)
        failing.asks(now)
        failing.failed(`p${i}`, new EngineFailedError(), 8192, (now += ms))
      }
      assert.equal(failing.open(now), false)
    }
  })

  it('lets refusals use up time, and no attempts', () => {
    const busy = new Attempts()
    for (let i = 0; i < 100; i++) {
      assert.equal(busy.open(i), true)
      busy.asks(i)
      busy.failed(`p${i}`, new BusyError(), 8192, i)
    }
    assert.equal(busy.open(19_999), true)
    assert.equal(busy.open(20_000), false)
  })

  it('asks only larger or unknown contexts after a prompt was too long', () => {
    const attempts = new Attempts()
    attempts.failed('small', new ContextLengthExceededError(), 8192, 0)
    assert.deepEqual(
      [4096, 8192, 8193, null].map((contextLength) => attempts.allows('other', contextLength, 0)),
      [false, false, true, true]
    )
    assert.equal(attempts.allows('small', null, 0), false)
  })

  it('asks a peer again whose engine is away for a moment, for ten seconds', () => {
    const attempts = new Attempts()
    const away = new EngineFailedError('away', { retryAfterMs: 1000 })
    attempts.failed('peer', away, null, 0)
    assert.equal(attempts.waitsUntil(0), 1000)
    assert.deepEqual([attempts.allows('peer', null, 999), attempts.allows('peer', null, 1000)], [false, true])
    attempts.failed('peer', away, null, 9500)
    assert.equal(attempts.waitsUntil(9999), 10_500)
    assert.equal(attempts.waitsUntil(10_000), undefined)
    const broken = new Attempts()
    broken.failed('peer', new EngineFailedError(), null, 0)
    assert.equal(broken.waitsUntil(0), undefined)
  })

  it('asks a peer again that broke off, and not once the wait is over', () => {
    const attempts = new Attempts()
    attempts.failed('peer', new PeerLostError(), null, 0, true)
    assert.equal(attempts.waitsUntil(0), 500)
    attempts.failed('peer', new PeerLostError(), null, 3500, true)
    assert.equal(attempts.allows('peer', null, 4500), false)
    assert.equal(attempts.waitsUntil(3500), 4000)
    assert.equal(attempts.waitsUntil(4000), undefined)
  })

  it('tells of a busy peer before others: asking again may help', () => {
    const attempts = new Attempts()
    const busy = new BusyError()
    attempts.failed('a', busy, null, 0)
    attempts.failed('b', new EngineFailedError(), null, 0)
    assert.equal(attempts.worst, busy)
  })

  it('has a batch request wait for a busy contributor, and ask it again when it says so', () => {
    const [batch, interactive] = [new Attempts('batch'), new Attempts()]
    for (const attempts of [batch, interactive])
      attempts.failed('a', new BusyError(undefined, { retryAfterMs: 5000 }), null, 0)
    assert.equal(batch.waitsUntil(1000), 5000)
    assert.deepEqual(
      [
        batch.allows('a', null, 4999),
        batch.allows('a', null, 5000),
        batch.open(300_000),
        batch.open(600_000)
      ],
      [false, true, true, false]
    )
    assert.equal(interactive.waitsUntil(1000), undefined)
    assert.deepEqual([interactive.allows('a', null, 5000), interactive.open(300_000)], [false, false])
  })
})
