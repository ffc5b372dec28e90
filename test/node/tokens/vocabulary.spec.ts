import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { SILENT_TOKENS } from '../../../node/tokens/constants.ts'
import { chunksOf } from '../../../node/tokens/chunks.ts'
import { certainTokens } from '../../../node/tokens/piece-count.ts'
import { mostOfEntry, mostTokens } from '../../../node/tokens/vocabulary.ts'

const most = (text: string): number => chunksOf(text).reduce((sum, chunk) => sum + mostTokens(chunk), 0)

/** Texts, and how many tokens llama.cpp counts with Gemma 3, and with SmolLM2 where it knows the script. */
const MEASURED: [text: string, gemma: number, smol?: number][] = [
  ['The quick brown fox jumps over the lazy dog.', 10, 10],
  ['const answer = await fetch(`${url}/health`) // 200', 15, 18],
  ['{"name":"get_weather","arguments":{"city":"Berlin","days":3}}', 17, 19],
  ['Über den Wolken muß die Freiheit wohl grenzenlos sein.', 13, 20],
  ['1234567890', 10, 10],
  ['👩‍💻🚀✨', 5, 13],
  ['Съешь же ещё этих мягких французских булок.', 12],
  ['我能吞下玻璃而不伤身体。', 9],
  ['私はガラスを食べられます。', 5],
  ['나는 유리를 먹을 수 있어요.', 8],
  ['أنا قادر على أكل الزجاج و هذا لا يؤلمني.', 15],
  ['मैं काँच खा सकता हूँ।', 7]
]

describe('node/tokens/vocabulary', () => {
  for (const [text, gemma, smol = gemma] of MEASURED) {
    it(`allows what engines count for ${JSON.stringify(text.slice(0, 24))}`, () => {
      const allowed = most(text) + SILENT_TOKENS
      assert.ok(allowed >= Math.max(gemma, smol), `${allowed} of ${gemma} and ${smol}`)
    })
  }

  it('allows at most 1.3 tokens for each o200k token of English', () => {
    // Each of these words is one token.
    assert.ok(most(' word'.repeat(400)) <= 1.3 * 400 + 1e-3)
    assert.ok(most('Hello there') <= 2.6 + 1e-6)
  })

  it('counts a digit as one token, neither more nor less', () => {
    assert.equal(most('2'.repeat(5000)), 5000)
  })

  it('never allows more tokens than bytes', () => {
    for (const text of ['a', 'é', '\0', 'ab', '\ud800', '🏳️‍🌈', 'ქართული', '\n'])
      assert.ok(most(text) <= Buffer.byteLength(text), text)
  })

  it('bounds white space', () => {
    assert.ok(most(' '.repeat(8000)) < 500)
    assert.ok(most('\n'.repeat(8000)) < 4500)
  })

  it('counts parts of a character by their bytes', () => {
    assert.equal(mostOfEntry([0xf0, 0x9f]), 2)
    assert.equal(mostOfEntry('ქ'), 3)
  })

  it('takes marks of special tokens for text', () => {
    assert.ok(most('<|endoftext|>') > 3)
  })

  it('is not slowed down by one long word', () => {
    // Uncut, so long a word takes a minute: the test would time out.
    assert.ok(most('a'.repeat(400_000)) > 0)
  })

  it('never allows less than the count without it', () => {
    const files = ['README.md', 'docs/architecture.md', 'node/consumer/consumer.ts', 'package.json']
    const texts = [...files.map((file) => readFileSync(file, 'utf8')), ...MEASURED.map(([text]) => text)]
    for (const text of [...texts, "IT'S", "it's we'LL", 'x\r\n\r\n', '１２３', '  \t\n  ', '\n\n\n   \n'])
      for (const chunk of chunksOf(text))
        assert.ok(certainTokens(chunk) <= mostTokens(chunk) + 1e-3, JSON.stringify(chunk.slice(0, 80)))
  })
})
