import assert from 'node:assert/strict'
import { CHUNK_LENGTH } from '../../../node/tokens/constants.ts'
import { chunksOf } from '../../../node/tokens/chunks.ts'
import { RunningText } from '../../../node/tokens/running-text.ts'

describe('node/tokens/chunks', () => {
  it('cuts a text without losing any of it', () => {
    for (const length of [0, 1, CHUNK_LENGTH - 1, CHUNK_LENGTH, CHUNK_LENGTH + 1, 3 * CHUNK_LENGTH]) {
      const text = 'x'.repeat(length)
      const chunks = chunksOf(text)
      assert.equal(chunks.join(''), text)
      assert.ok(chunks.every((chunk) => chunk.length <= CHUNK_LENGTH))
    }
  })

  it('splits no surrogate pair', () => {
    const text = `x${'🚀'.repeat(CHUNK_LENGTH)}`
    for (const chunk of chunksOf(text)) assert.ok(chunk.isWellFormed())
    assert.equal(chunksOf(text).join(''), text)
  })

  it('cuts a text that grows at the same places, however it grows', () => {
    const text = `${'word '.repeat(1000)}${'🚀'.repeat(2000)}`
    for (const step of [1, 7, 4096]) {
      const running = new RunningText()
      for (let at = 0; at < text.length; at += step) running.add(text.slice(at, at + step))
      assert.deepEqual(running.pending, chunksOf(text))
    }
  })
})
