import assert from 'node:assert/strict'
import fc from 'fast-check'
import { cutAtEnd, cutAtWord } from '../../../../node/consumer/continuing/cut.ts'

describe('node/consumer/continuing/cut', () => {
  const cases: [string, string, string][] = [
    ['half a word', 'The quick bro', 'The quick'],
    ['a whole word', 'The quick brown', 'The quick'],
    ['a space', 'The quick ', 'The quick'],
    ['a line break', 'The quick\n\n', 'The quick'],
    ['a sign after a word', 'It is so.', 'It is so'],
    ['a single word', 'Hel', ''],
    ['nothing', '', ''],
    ['only spaces', '  \n', ''],
    ['Chinese', '今天天气很好我们去公园', '今天天气很好我们去'],
    ['Thai', 'สวัสดีครับวันนี้', 'สวัสดีครับวัน']
  ]
  for (const [what, text, prefix] of cases) {
    it(`cuts before the last word: ${what}`, () => {
      assert.deepEqual(cutAtWord(text), { prefix, tail: text.slice(prefix.length) })
    })
  }

  it('cuts a word that is longer than it looks back where it ends', () => {
    const text = `before ${'x'.repeat(400)}`
    assert.deepEqual(cutAtWord(text), { prefix: text, tail: '' })
  })

  it('cuts before the spaces at the end', () => {
    assert.deepEqual(cutAtEnd('The quick bro'), { prefix: 'The quick bro', tail: '' })
    assert.deepEqual(cutAtEnd('The quick \n'), { prefix: 'The quick', tail: ' \n' })
  })

  it('loses nothing, and never cuts a character in two', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
        for (const { prefix, tail } of [cutAtWord(text), cutAtEnd(text)]) {
          assert.equal(prefix + tail, text)
          assert.equal(prefix.isWellFormed() && tail.isWellFormed(), text.isWellFormed())
        }
      }),
      { numRuns: 300 }
    )
  })
})
