import assert from 'node:assert/strict'
import { undoAll } from '../../node/undo.ts'

describe('node/undo', () => {
  it('undoes the last first, and goes on after a failure, which it throws at the end', async () => {
    const undone: string[] = []
    const steps = [
      () => Promise.resolve(void undone.push('first')),
      () => Promise.reject(new TypeError('second')),
      () => {
        throw new RangeError('third')
      },
      () => Promise.resolve(void undone.push('fourth'))
    ]
    await assert.rejects(undoAll(steps), { message: 'third' })
    assert.deepEqual(undone, ['fourth', 'first'])
  })
})
