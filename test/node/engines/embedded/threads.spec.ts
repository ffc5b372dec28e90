import assert from 'node:assert/strict'
import { threadsFor } from '../../../../node/engines/embedded/model.ts'

describe('node/engines/embedded/model: threads', () => {
  it('are all cores for a large model and one for a small, for threads wait for each other', () => {
    assert.deepEqual([threadsFor(5e9, undefined, 8), threadsFor(150e6, undefined, 8)], [8, 8])
    assert.equal(threadsFor(700e3, undefined, 8), 1)
  })

  it('are as many as the owner allows, and never more than there are cores', () => {
    assert.deepEqual([threadsFor(5e9, 3, 8), threadsFor(700e3, 3, 8), threadsFor(5e9, 32, 8)], [3, 3, 8])
  })
})
