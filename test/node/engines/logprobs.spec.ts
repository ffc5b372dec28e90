import assert from 'node:assert/strict'
import { chatLine, OllamaReply } from '../../../node/engines/ollama/replies.ts'
import { OpenaiReply } from '../../../node/engines/openai/replies.ts'
import { delta as deltaSchema, type Logprob } from '../../../protocols/inference/index.ts'
import { chat } from './contract.ts'

const HALF = { token: '\ufffd', logprob: -0.5 }
const WHOLE = { token: 'é', logprob: -0.25 }
const told = [
  { ...HALF, bytes: [226, 156], top_logprobs: [{ ...HALF, bytes: [240, 159] }, WHOLE] },
  { ...WHOLE, bytes: [195, 169], top_logprobs: [] },
  { ...WHOLE, bytes: null },
  { ...HALF, bytes: Array<number>(65).fill(255) },
  { ...HALF, bytes: ['x'] }
]
const kept: Logprob[] = [
  { ...HALF, bytes: [226, 156], top: [{ ...HALF, bytes: [240, 159] }, WHOLE] },
  { ...WHOLE, top: [] },
  WHOLE,
  HALF,
  HALF
]

/** How each engine's answer tells them. */
const ENGINES = {
  'a server of OpenAI’s API': () =>
    new OpenaiReply(0).deltas({ choices: [{ delta: { content: '…' }, logprobs: { content: told } }] }),
  Ollama: () =>
    new OllamaReply(0, chat('m', 'Hi')).events(
      chatLine.parse({ done: false, message: { content: '…' }, logprobs: told })
    )
}

describe('node/engines/logprobs', () => {
  for (const [name, events] of Object.entries(ENGINES)) {
    it(`keeps the bytes of ${name} where the text does not say them, within a bound`, () => {
      const [event] = events()
      assert.ok(event?.type === 'delta')
      assert.deepEqual(event.delta.logprobs, kept)
      deltaSchema.parse(event.delta)
    })
  }

  it('refuses more bytes than a token has, and what is none, in a frame', () => {
    for (const bytes of [Array<number>(65).fill(1), [256], [-1], [1.5], ['a']])
      assert.ok(!deltaSchema.safeParse({ logprobs: [{ ...HALF, bytes }] }).success)
  })
})
