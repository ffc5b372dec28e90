import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  certainPromptTokens,
  cost,
  plausibleCompletionTokens,
  plausiblePromptTokens,
  textBytes
} from '../../../protocols/records/index.ts'

const MAX = Number.MAX_SAFE_INTEGER

describe('protocols/records/billing', () => {
  describe('cost', () => {
    it('is the tokens at their prices', () => {
      assert.equal(cost({ prompt: 250_000, completion: 1_000_000 }, 7, 2), 3_750_000)
      assert.equal(cost({ prompt: 0, completion: 0 }, MAX, MAX), 0)
    })

    it('is undefined where JSON does not carry it exactly', () => {
      assert.equal(cost({ prompt: 1, completion: 1 }, MAX, 0), MAX)
      assert.equal(cost({ prompt: 1, completion: 1 }, MAX, 1), undefined)
      assert.equal(cost({ prompt: MAX, completion: MAX }, MAX, MAX), undefined)
      assert.equal(cost({ prompt: 6361, completion: 0 }, MAX / 6361, 0), MAX)
      assert.equal(cost({ prompt: 6361, completion: 0 }, MAX / 6361 + 1, 0), undefined)
    })

    it('is exact wherever it is defined', () => {
      const amount = fc.oneof(fc.nat(10_000), fc.maxSafeNat())
      fc.assert(
        fc.property(amount, amount, amount, amount, (prompt, completion, promptTokens, completionTokens) => {
          const exact = BigInt(prompt) * BigInt(promptTokens) + BigInt(completion) * BigInt(completionTokens)
          const credits = cost({ prompt, completion }, promptTokens, completionTokens)
          if (exact <= BigInt(MAX)) assert.equal(BigInt(credits ?? -1), exact)
          else assert.equal(credits, undefined)
        })
      )
    })
  })

  describe('textBytes', () => {
    it('counts bytes, not characters, of all text', () => {
      assert.equal(textBytes({}), 0)
      assert.equal(textBytes({ content: 'aä€😀' }), 1 + 2 + 3 + 4)
      assert.equal(textBytes({ content: 'ab', reasoning: 'cde' }), 5)
    })

    it("counts a tool call's markers once, with its name", () => {
      const first = { toolCalls: [{ index: 0, id: 'call-with-a-long-id', name: 'f', arguments: '{' }] }
      const next = { toolCalls: [{ index: 0, arguments: '}' }] }
      assert.equal(textBytes(first), 1 + 1 + 32)
      assert.equal(textBytes(next), 1)
    })

    it('counts no tokens, vectors or log probabilities', () => {
      const delta = {
        tokens: 1000,
        embeddings: [{ index: 0, vector: 'AAAA' }],
        logprobs: [{ token: 'a', logprob: -1 }]
      }
      assert.equal(textBytes(delta), 0)
    })
  })

  it('makes up no prompt tokens: one for 8 bytes of text, none for images', () => {
    const image = { type: 'image_url' as const, image_url: { url: 'data:'.repeat(100) } }
    const messages = [
      { role: 'system' as const, content: '12345678' },
      { role: 'user' as const, content: [{ type: 'text' as const, text: 'ääää' }, image] },
      { role: 'assistant' as const, content: null }
    ]
    assert.equal(certainPromptTokens({ kind: 'chat', model: 'm', messages }), 2)
    assert.equal(certainPromptTokens({ kind: 'completion', model: 'm', prompt: '1234', suffix: '1234' }), 1)
    assert.equal(certainPromptTokens({ kind: 'embedding', model: 'm', input: ['1234', '123'] }), 0)
  })

  it('grants the bounds of the spec', () => {
    assert.equal(plausiblePromptTokens(100), 100 + 1024)
    assert.equal(plausibleCompletionTokens(0), 16)
    assert.equal(plausibleCompletionTokens(100), 100 + 16)
  })
})
