import assert from 'node:assert/strict'
import { Unbroken } from '../../../../node/consumer/continuing/unbroken.ts'
import {
  EngineFailedError,
  toLobstahError,
  type AnswerEvent,
  type Delta,
  type InferenceRequest
} from '../../../../protocols/index.ts'
import { randomFrom, soFar, tokensOf } from '../../../support/numbered.ts'
import { MODEL } from '../../../support/records.ts'

/** Answers in which a repeat, a gap and a wrong end are seen, in many ways of writing. */
const TEXTS: Record<string, string> = {
  'numbered words': Array.from({ length: 60 }, (_, i) => `${i === 0 ? '' : ' '}w${i}`).join(''),
  numbers: Array.from({ length: 60 }, (_, i) => `${i === 0 ? '' : ', '}${i * 7}.${i}`).join(''),
  Chinese: Array.from({ length: 40 }, (_, i) => `第${i}天我们去公园看花，`).join(''),
  Japanese: Array.from({ length: 40 }, (_, i) => `${i}番目の猫は静かに眠っていた。`).join(''),
  Thai: Array.from({ length: 40 }, (_, i) => `วันที่${i}เราไปตลาด`).join(''),
  emoji: Array.from({ length: 40 }, (_, i) => `e${i}. 👩‍👩‍👧‍👦 né${i} 🇩🇪👍🏽${i} `).join(''),
  code: Array.from(
    { length: 25 },
    (_, i) => `def f${i}(x):\n    if x > ${i}:\n        return x - ${i}\n\n`
  ).join(''),
  'a very long word': `It is ${Array.from({ length: 120 }, (_, i) => String.fromCharCode(97 + ((i * i) % 26)) + String.fromCharCode(97 + (i % 26))).join('')} at last`
}

const CHAT: InferenceRequest = { kind: 'chat', model: 'm', messages: [{ role: 'user', content: 'Hi' }] }
const COMPLETION: InferenceRequest = { kind: 'completion', model: 'm', prompt: 'Say: ' }
const ABLE = { ...MODEL, capabilities: ['chat', 'continue'] }

/** The text of an engine that is given the beginning of a message. */
type Behaviour = (whole: string, begun: string) => string

const HONEST: Record<string, Behaviour> = {
  'goes on': (whole, begun) => whole.slice(begun.length),
  'repeats all that it was given': (whole) => whole,
  'repeats the last of what it was given': (whole, begun) => {
    const at = begun.slice(0, -40).search(/\s\S*$/)
    return begun.length > 60 && at > 0 ? whole.slice(at + 1) : whole.slice(begun.length)
  },
  'drops the spaces before its answer': (whole, begun) => whole.slice(begun.length).trimStart(),
  'puts a line break before its answer': (whole, begun) =>
    begun === '' ? whole : `\n${whole.slice(begun.length)}`,
  'puts an empty thought before its answer': (whole, begun) =>
    `${begun === '' ? '' : '<think>\n\n</think>\n\n'}${whole.slice(begun.length)}`,
  'puts a sign before its answer': (whole, begun) =>
    `${begun === '' ? '' : '<s>'}${whole.slice(begun.length)}`
}

const USELESS: Record<string, Behaviour> = {
  'begins another answer': (whole, begun) =>
    begun === '' ? whole : 'Sure! Here is something else entirely.',
  'begins anew, and then differs': (whole, begun) =>
    begun === '' ? whole : `${whole.slice(0, 24)} and so on, as before.`,
  'ends at once': (whole, begun) => (begun === '' ? whole : '')
}

/** Says a text in pieces of some tokens, and breaks off where it is cut. */
async function* saying(text: string, random: () => number, cut: number): AsyncGenerator<AnswerEvent> {
  let said = 0
  const tokens = tokensOf(text)
  for (let at = 0; at < tokens.length;) {
    const count = 1 + Math.floor(random() * 3)
    const content = tokens.slice(at, at + count).join('')
    at += count
    if (said + content.length > cut) throw new EngineFailedError('killed')
    said += content.length
    yield { type: 'delta', delta: { content, tokens: count } }
  }
  if (said >= cut) throw new EngineFailedError('killed')
  yield { type: 'end', finishReason: 'stop', usage: { promptTokens: 7, completionTokens: tokens.length } }
}

/** The answer that a client has, from contributors of which each but the last breaks off; undefined after an error. */
async function answer(
  request: InferenceRequest,
  whole: string,
  behaviour: Behaviour,
  random: () => number
): Promise<{ text: string; whole: boolean }> {
  const unbroken = new Unbroken(request, 'same-digest')
  const deltas: Delta[] = []
  const text = (): string => deltas.map(({ content }) => content ?? '').join('')
  let cuts = 1 + Math.floor(random() * 3)
  for (let asked = 0; asked < 12; asked++) {
    const begun = unbroken.request.kind === 'embedding' ? '' : soFar(unbroken.request, whole)
    const cut = cuts-- > 0 ? Math.floor(random() * (whole.length - begun.length)) : Infinity
    const said = behaviour(whole, begun)
    try {
      for await (const event of unbroken.join(saying(said, random, cut), ABLE)) {
        if (event.type === 'delta') deltas.push(event.delta)
        if (event.type === 'end') return { text: text(), whole: true }
      }
    } catch (thrown) {
      const end = unbroken.brokeOff(toLobstahError(thrown))
      if (end !== undefined) return { text: text(), whole: true }
    }
  }
  return { text: text(), whole: false }
}

describe('node/consumer/continuing/unbroken, on engines of all kinds', () => {
  for (const [way, whole] of Object.entries(TEXTS)) {
    for (const [does, behaviour] of Object.entries(HONEST)) {
      it(`gives ${way} without repeat or gap where the engine ${does}`, async () => {
        const random = randomFrom(way.length * 31 + does.length)
        for (let run = 0; run < 60; run++) {
          const request = run % 4 === 3 ? COMPLETION : CHAT
          const got = await answer(request, whole, behaviour, random)
          assert.deepEqual(got, { text: whole, whole: true }, `run ${run}`)
        }
      })
    }
  }

  for (const [does, behaviour] of Object.entries(USELESS)) {
    it(`ends no answer well, and shows nothing wrong, where the engine ${does}`, async () => {
      const random = randomFrom(does.length)
      const whole = TEXTS['numbered words']!
      for (let run = 0; run < 60; run++) {
        const got = await answer(CHAT, whole, behaviour, random)
        // An engine that begins anew may come past what the client has before it differs: that is its answer.
        if (got.whole)
          assert.ok([whole, behaviour(whole, 'begun')].includes(got.text), `run ${run}: ${got.text}`)
        else assert.ok(whole.startsWith(got.text), `run ${run}: ${got.text}`)
      }
    })
  }
})
