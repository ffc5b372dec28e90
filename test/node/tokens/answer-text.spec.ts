import assert from 'node:assert/strict'
import { AnswerText } from '../../../node/tokens/answer-text.ts'
import { CALL_TOKENS, REASONING_TOKENS, SILENT_TOKENS } from '../../../node/tokens/constants.ts'
import { TokenCounter } from '../../../node/tokens/token-counter.ts'
import type { Delta } from '../../../protocols/index.ts'

describe('node/tokens/answer-text', () => {
  const counter = new TokenCounter()
  after(() => counter.stop())

  const most = async (deltas: Delta[], tools: string[] = [], wanted = Infinity): Promise<number> => {
    const answer = new AnswerText(new Set(tools))
    for (const delta of deltas) answer.add(delta)
    return await answer.most(wanted, counter)
  }

  it('allows nothing where nothing was delivered', async () => {
    assert.equal(await most([]), 0)
    assert.equal(await most([{ content: '' }, { tokens: 9 }, { toolCalls: [{ index: 0, name: '' }] }]), 0)
    assert.equal(
      await most(Array.from({ length: 128 }, (_, index) => ({ toolCalls: [{ index, name: '' }] }))),
      0
    )
  })

  it('counts content, reasoning and calls by their text', async () => {
    assert.equal(await most([{ content: 'ok' }]), Math.ceil(1.3 + SILENT_TOKENS))
    assert.equal(await most([{ reasoning: 'ok' }]), Math.ceil(1.3 + SILENT_TOKENS + REASONING_TOKENS))
    assert.equal(await most([{ toolCalls: [{ index: 0, arguments: '1234' }] }]), 4 + SILENT_TOKENS)
  })

  it('adds the marks around a call once, and only for a tool that the request offers', async () => {
    const call = { toolCalls: [{ index: 0, name: 'go', arguments: '12' }] }
    const bare = await most([call])
    assert.ok(bare <= SILENT_TOKENS + 5)
    assert.equal(await most([call], ['stop']), bare)
    assert.equal(await most([call], ['go']), bare + CALL_TOKENS)
    assert.ok((await most([call, call, call], ['go'])) < bare + CALL_TOKENS + 10)
  })

  it('allows the same however the text is cut into deltas and counted on the way', async () => {
    const text = 'understanding responsibilities 12345 '.repeat(500)
    const whole = await most([{ content: text }])
    const answer = new AnswerText()
    for (let at = 0; at < text.length; at += 5) {
      answer.add({ content: text.slice(at, at + 5) })
      if (at % 2500 === 0) await answer.most(Infinity, counter)
    }
    assert.equal(await answer.most(Infinity, counter), whole)
  })

  it('needs no vocabulary where the words alone are enough', async () => {
    const fresh = new TokenCounter()
    const answer = new AnswerText()
    answer.add({ content: 'The quick brown fox jumps over the lazy dog. '.repeat(100) })
    assert.ok((await answer.most(1001, fresh)) >= 1001)
    assert.equal(fresh.loaded, false)
    assert.ok((await answer.most(5000, fresh)) < 5000)
    assert.equal(fresh.loaded, true)
    await fresh.stop()
  })
})
