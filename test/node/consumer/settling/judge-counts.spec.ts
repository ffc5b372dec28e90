import assert from 'node:assert/strict'
import { exceeds, judgeCounts } from '../../../../node/consumer/settling/judge-counts.ts'
import { TokenBounds, TokenCounter } from '../../../../node/tokens/index.ts'
import { ReceiptRefusedError, type Delta } from '../../../../protocols/index.ts'
import { REQUEST } from '../../../support/records.ts'

describe('node/consumer/settling/judge-counts', () => {
  const counter = new TokenCounter()
  after(() => counter.stop())

  /** The counts that would be accepted if these are refused over some deltas; undefined if they are accepted. */
  async function refused(
    deltas: Delta[],
    [promptTokens, completionTokens]: [prompt: number, completion: number],
    options: { cancelled?: boolean } = {}
  ): Promise<[prompt: number, completion: number] | undefined> {
    const bounds = new TokenBounds(REQUEST, counter)
    for (const delta of deltas) bounds.add(delta)
    try {
      await judgeCounts({ promptTokens, completionTokens }, bounds, options)
      return undefined
    } catch (err) {
      assert.ok(err instanceof ReceiptRefusedError)
      assert.match(
        err.message,
        new RegExp(`${promptTokens} prompt tokens and ${completionTokens} completion`)
      )
      return [err.acceptable!.promptTokens, err.acceptable!.completionTokens]
    }
  }

  // The request says Hi: 1.2 tokens, one message and a template. The answer is 1.2 tokens, and 8 that leave no text.
  const MOST = { prompt: 114, completion: 10 }
  const answer = [{ content: 'word' }]

  it('accepts the most there can be, and no token more of either', async () => {
    assert.equal(await refused(answer, [MOST.prompt, MOST.completion]), undefined)
    assert.deepEqual(await refused(answer, [MOST.prompt + 1, 3]), [MOST.prompt, 3])
    assert.deepEqual(await refused(answer, [7, MOST.completion + 1]), [7, MOST.completion])
    assert.deepEqual(await refused(answer, [9000, 9000]), [MOST.prompt, MOST.completion])
  })

  it('accepts nothing over deltas that carry nothing', async () => {
    for (const deltas of [[], [{ content: '' }], [{ tokens: 5 }, { toolCalls: [{ index: 0, name: '' }] }]]) {
      assert.deepEqual(await refused(deltas, [1, 0]), [0, 0])
      assert.deepEqual(await refused(deltas, [0, 1]), [0, 0])
      assert.equal(await refused(deltas, [0, 0]), undefined)
    }
  })

  it('accepts the prompt of an answer that was cancelled before it carried anything', async () => {
    assert.equal(await refused([], [MOST.prompt, 0], { cancelled: true }), undefined)
    assert.deepEqual(await refused([], [MOST.prompt + 1, 0], { cancelled: true }), [MOST.prompt, 0])
    assert.deepEqual(await refused([], [7, 1], { cancelled: true }), [7, 0])
  })

  it('accepts the prompt with vectors', async () => {
    assert.equal(await refused([{ embeddings: [{ index: 0, vector: 'AAAAAA==' }] }], [7, 0]), undefined)
  })

  it('compares both counts', () => {
    const most = { promptTokens: 5, completionTokens: 6 }
    assert.equal(exceeds({ promptTokens: 5, completionTokens: 6 }, most), false)
    assert.equal(exceeds({ promptTokens: 6, completionTokens: 6 }, most), true)
    assert.equal(exceeds({ promptTokens: 5, completionTokens: 7 }, most), true)
  })
})
