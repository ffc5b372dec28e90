import assert from 'node:assert/strict'
import { TokenCounts } from '../../../../node/consumer/peers/token-drift.ts'

const MODEL = 'llama3.2:3b'

describe('node/consumer/peers/token-drift', () => {
  let counts: TokenCounts
  const answers = (peer: string, tokens: number, count = 5, bytes = 400): void => {
    for (let i = 0; i < count; i++) counts.add(peer, MODEL, { tokens, bytes })
  }
  beforeEach(() => {
    counts = new TokenCounts()
  })

  it('names a contributor that counts more than the others, with both figures', () => {
    for (const peer of ['a', 'b']) answers(peer, 100)
    answers('liar', 130)
    assert.deepEqual(counts.drifts('liar'), [
      { model: MODEL, tokensPerByte: 0.325, othersTokensPerByte: 0.25 }
    ])
    assert.deepEqual(counts.drifts('a'), [])
  })

  it('names nobody within a quarter, nor before 5 answers, nor with fewer than 2 others', () => {
    answers('a', 100)
    answers('liar', 200, 4)
    assert.deepEqual(counts.drifts('liar'), [])
    answers('liar', 200, 1)
    assert.deepEqual(counts.drifts('liar'), [])
    answers('b', 100)
    assert.equal(counts.drifts('liar').length, 1)
    answers('near', 124)
    assert.deepEqual(counts.drifts('near'), [])
  })

  it('is not moved by single answers, nor by short ones', () => {
    for (const peer of ['a', 'b', 'c']) answers(peer, 100)
    answers('c', 5000, 2)
    answers('c', 30, 50, 31)
    assert.deepEqual(counts.drifts('c'), [])
  })

  it('counts a model by its canonical name', () => {
    for (const peer of ['a', 'b', 'liar']) {
      for (let i = 0; i < 5; i++) {
        counts.add(peer, i % 2 === 0 ? 'm' : 'm:latest', { tokens: peer === 'liar' ? 80 : 20, bytes: 100 })
      }
    }
    assert.deepEqual(counts.drifts('liar'), [
      { model: 'm:latest', tokensPerByte: 0.8, othersTokensPerByte: 0.2 }
    ])
  })

  it('tells the choice of a peer by how much it bills more, once it is known', () => {
    const weights = { id: MODEL, digest: null }
    assert.equal(counts.billing('liar', weights), 1)
    for (const peer of ['a', 'b']) answers(peer, 100)
    answers('liar', 130)
    answers('near', 108)
    answers('cheap', 10)
    assert.equal(counts.billing('liar', weights), 1.3)
    assert.equal(counts.billing('near', weights), 1)
    assert.equal(counts.billing('cheap', weights), 0.5)
    assert.equal(counts.billing('liar', { id: 'other', digest: null }), 1)
  })

  it('compares peers by the digest of their weights, whatever they call them', () => {
    for (const [peer, model, tokens] of [
      ['a', 'one', 100],
      ['b', 'two', 100],
      ['liar', 'three', 150]
    ] as const)
      for (let i = 0; i < 5; i++) counts.add(peer, model, { tokens, bytes: 400, digest: 'sha256:same' })
    assert.equal(counts.billing('liar', { id: 'four', digest: 'sha256:same' }), 1.5)
    assert.equal(counts.billing('liar', { id: 'three', digest: null }), 1)
  })

  it('forgets models and peers beyond a bound', () => {
    for (const peer of ['a', 'b', 'liar']) answers(peer, peer === 'liar' ? 200 : 100)
    for (let i = 0; i < 300; i++) counts.add('x', `model${i}`, { tokens: 10, bytes: 40 })
    assert.deepEqual(counts.drifts('liar'), [])
  })
})
