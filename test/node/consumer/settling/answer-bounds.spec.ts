import assert from 'node:assert/strict'
import { AnswerBounds, AnswerMemory } from '../../../../node/consumer/settling/answer-bounds.ts'
import { InvalidFrameError, type InferenceRequest } from '../../../../protocols/index.ts'
import { REQUEST, anOrder } from '../../../support/records.ts'

describe('node/consumer/settling/answer-bounds', () => {
  const bounds = (
    maxCompletionTokens: number,
    request: InferenceRequest = REQUEST,
    memory = new AnswerMemory()
  ): AnswerBounds => new AnswerBounds(anOrder({ maxCompletionTokens }), request, memory)

  it('lets an engine cut its tokens in two, and ends an answer of more deltas', () => {
    const answer = bounds(100)
    for (let i = 0; i < 328; i++) answer.delta(60)
    assert.throws(() => answer.delta(60), InvalidFrameError)
  })

  it('ends an answer of more bytes than its tokens can have', () => {
    assert.throws(() => bounds(16).delta(110_000), InvalidFrameError)
    bounds(1024).delta(100_000)
  })

  it('gives room for the probabilities and the vectors that were asked for', () => {
    assert.throws(() => bounds(64).delta(200_000), InvalidFrameError)
    bounds(64, { ...REQUEST, top_logprobs: 20 } as InferenceRequest).delta(200_000)
    bounds(0, { kind: 'embedding', model: 'm', input: ['a', 'b', 'c'] }).delta(250_000)
  })

  it('ends an answer that goes on without receipts', () => {
    const answer = bounds(8192)
    for (let i = 0; i < 4096; i++) answer.delta(1)
    answer.receipt()
    for (let i = 0; i < 4096; i++) answer.delta(1)
    assert.throws(() => answer.delta(1), /without receipts/)
  })

  it('ends an answer with more receipts than it needs', () => {
    const answer = bounds(8192)
    for (let i = 0; i < 64; i++) answer.delta(1)
    for (let i = 0; i < 9; i++) answer.receipt()
    assert.throws(() => answer.receipt(), /more receipts/)
  })

  it('takes a status every 2 s for half an hour, and no flood of them', () => {
    const queued = bounds(16)
    for (let seconds = 0; seconds <= 1800; seconds += 2) queued.status(seconds * 1000)
    assert.throws(() => queued.status(1802 * 1000), /half an hour/)
    const flood = bounds(16)
    for (let i = 0; i < 32; i++) flood.status(0)
    assert.throws(() => flood.status(0), /too often/)
  })

  it('ends the answer that takes more than its share where all take too much', () => {
    const memory = new AnswerMemory(1_000_000)
    const [small, large] = [bounds(8192, REQUEST, memory), bounds(8192, REQUEST, memory)]
    small.delta(400_000)
    large.delta(550_000)
    assert.throws(() => large.delta(100_000), /the most/)
    large.release()
    small.delta(500_000)
    assert.equal(memory.total, 900_000)
    small.release()
    assert.equal(memory.total, 0)
  })
})
