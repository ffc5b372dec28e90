import assert from 'node:assert/strict'
import { UnseenClaims } from '../../../../node/consumer/settling/unseen-claims.ts'

const DAY_MS = 86_400_000

describe('node/consumer/settling/unseen-claims', () => {
  let unseen: UnseenClaims
  beforeEach(() => {
    unseen = new UnseenClaims()
  })

  it('accepts 24,576 tokens of a contributor in a day, and none more', () => {
    for (let i = 0; i < 16; i++) assert.equal(unseen.take('a', 1536, i), true)
    assert.equal(unseen.take('a', 1, 100), false)
    assert.equal(unseen.take('a', 0, 100), true)
    assert.equal(unseen.take('b', 1536, 100), true)
  })

  it('accepts 256 claims of a contributor in a day, however small', () => {
    for (let i = 0; i < 256; i++) assert.equal(unseen.take('a', 0, 0), true)
    assert.equal(unseen.take('a', 0, 1), false)
  })

  it('goes on a day after what it accepted; what it refused does not count', () => {
    assert.equal(unseen.take('a', 24_576, 1000), true)
    assert.equal(unseen.take('a', 24_576, DAY_MS + 999), false)
    assert.equal(unseen.take('a', 24_576, DAY_MS + 1000), true)
  })

  it('counts on where the clock was set back by less than a day, and not for ever where by more', () => {
    assert.equal(unseen.take('a', 24_576, 3 * DAY_MS), true)
    assert.equal(unseen.take('a', 1, 3 * DAY_MS - 1000), false)
    assert.equal(unseen.take('a', 1, 2 * DAY_MS), true)
  })
})
