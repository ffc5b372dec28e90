import assert from 'node:assert/strict'
import { splitDelta } from '../../../../node/contributor/answers/split-delta.ts'
import {
  MAX_FRAME_BYTES,
  contributorFrame,
  encodeJson,
  type Delta,
  type Logprob
} from '../../../../protocols/index.ts'

const LENGTH = 3 * 1024 * 1024
/** Each takes most bytes in JSON, in UTF-8, or has two halves that must not part. */
const TEXTS = {
  ascii: 'a'.repeat(LENGTH),
  'control characters': '\u0001'.repeat(LENGTH),
  'wide characters': '龍'.repeat(LENGTH / 2),
  'surrogate pairs': `x${'🦞'.repeat(LENGTH / 2)}`,
  'halves of pairs': '\ud83e'.repeat(LENGTH / 2)
}

/** The pieces of a delta, each a frame that a consumer takes. */
function frames(delta: Delta): Delta[] {
  const pieces = [...splitDelta(delta)]
  for (const piece of pieces) {
    const payload = encodeJson({ type: 'delta', ...piece })
    assert.ok(payload.byteLength <= MAX_FRAME_BYTES / 4, `${payload.byteLength} bytes`)
    contributorFrame.parse(JSON.parse(Buffer.from(payload).toString()))
  }
  return pieces
}

const tokensOf = (pieces: Delta[]): number => pieces.reduce((sum, { tokens }) => sum + (tokens ?? 1), 0)

describe('node/contributor/answers/split-delta', () => {
  it('leaves alone what fits', () => {
    const delta = { content: 'Hi', logprobs: [{ token: 'Hi', logprob: -1 }], tokens: 1 }
    assert.deepEqual(frames(delta), [delta])
    assert.deepEqual(frames({ reasoning: '' }), [{ reasoning: '' }])
  })

  for (const [name, text] of Object.entries(TEXTS)) {
    for (const field of ['content', 'reasoning'] as const) {
      it(`splits a ${field} of ${name}`, () => {
        const pieces = frames({ [field]: text, tokens: 1000 })
        assert.ok(pieces.length > 1)
        assert.equal(pieces.map((piece) => piece[field]).join(''), text)
        if (name === 'surrogate pairs') assert.ok(pieces.every((piece) => piece[field]?.isWellFormed()))
        assert.equal(tokensOf(pieces), 1000)
      })
    }

    it(`splits arguments of ${name}`, () => {
      const toolCalls = [
        { index: 0, id: 'call_0', name: 'small', arguments: '{}' },
        { index: 1, id: 'call_1', name: 'large', arguments: text }
      ]
      const pieces = frames({ toolCalls, tokens: 7 })
      const calls = pieces.flatMap((piece) => piece.toolCalls ?? [])
      assert.deepEqual(
        calls
          .filter(({ id, name }) => id !== undefined || name !== undefined)
          .map(({ id, name }) => [id, name]),
        [
          ['call_0', 'small'],
          ['call_1', 'large']
        ]
      )
      const whole = calls.filter(({ index }) => index === 1).map((call) => call.arguments)
      assert.equal(whole.join(''), text)
      assert.equal(tokensOf(pieces), 7)
    })
  }

  it('keeps the order in which a model speaks: reasoning, text, calls', () => {
    const pieces = frames({
      content: TEXTS.ascii,
      reasoning: TEXTS.ascii,
      toolCalls: [{ index: 0, id: 'a', name: 'b' }]
    })
    const kinds = pieces.map((piece) => Object.keys(piece).filter((key) => key !== 'tokens')[0])
    assert.deepEqual([...new Set(kinds)], ['reasoning', 'content', 'toolCalls'])
    assert.equal(tokensOf(pieces), 1)
  })

  it('spreads tokens by the share of the text, so that receipts come between', () => {
    const pieces = frames({ content: TEXTS.ascii, tokens: 960_000 })
    for (const { tokens } of pieces) assert.equal(tokens, 10_000)
  })

  it('splits more logprobs and calls than a frame may have', () => {
    const top = Array.from({ length: 20 }, () => ({ token: '龍龍龍', logprob: -3.123_456_789 }))
    const logprobs: Logprob[] = Array.from({ length: 5000 }, (_, n) => ({
      token: ` ${n}`,
      logprob: -0.5,
      top
    }))
    const content = logprobs.map(({ token }) => token).join('')
    const aligned = frames({ content, logprobs, tokens: 5000 })
    for (const piece of aligned)
      assert.equal(piece.logprobs?.map(({ token }) => token).join(''), piece.content)
    assert.deepEqual(
      aligned.flatMap((piece) => piece.logprobs ?? []),
      logprobs
    )
    const others = frames({ content: 'other', logprobs, tokens: 5000 })
    assert.equal(others.map((piece) => piece.content ?? '').join(''), 'other')
    assert.equal(others.flatMap((piece) => piece.logprobs ?? []).length, 5000)
    const toolCalls = Array.from({ length: 300 }, (_, index) => ({ index, id: `c${index}`, name: 'f' }))
    assert.equal(frames({ toolCalls }).flatMap((piece) => piece.toolCalls ?? []).length, 300)
  })
})
