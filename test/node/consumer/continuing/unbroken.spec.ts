import assert from 'node:assert/strict'
import { Unbroken } from '../../../../node/consumer/continuing/unbroken.ts'
import {
  EngineFailedError,
  type AnswerEvent,
  type Delta,
  type InferenceRequest
} from '../../../../protocols/index.ts'
import { collect } from '../../../support/mesh.ts'
import { MODEL } from '../../../support/records.ts'

const CHAT: InferenceRequest = {
  kind: 'chat',
  model: 'm',
  messages: [{ role: 'user', content: 'Hi' }],
  max_tokens: 20
}

async function* saying(...deltas: Delta[]): AsyncGenerator<AnswerEvent> {
  for (const delta of deltas) yield { type: 'delta', delta }
}

describe('node/consumer/continuing/unbroken', () => {
  it('counts nothing that a contributor says without showing anything', async () => {
    const answer = new Unbroken(CHAT, 'same-digest')
    await collect(answer.join(saying({ tokens: 1000 }), MODEL))
    assert.equal(answer.brokeOff(new EngineFailedError()), undefined)
    assert.ok(Object.is(answer.request, CHAT))
    await collect(answer.join(saying({ content: 'one' }, { content: ' two' }, { content: ' three' }), MODEL))
    assert.equal(answer.brokeOff(new EngineFailedError()), undefined)
    assert.ok(answer.request.kind === 'chat')
    assert.deepEqual([answer.request.max_tokens, answer.request.messages.at(-1)?.content], [18, 'one two'])
  })

  it('asks for the same weights, in a model that can continue, unless the name suffices', async () => {
    for (const [resume, other] of [
      ['same-digest', false],
      ['same-name', true]
    ] as const) {
      const answer: Unbroken = new Unbroken(CHAT, resume)
      const able = { ...MODEL, capabilities: ['chat', 'continue'] }
      assert.equal(answer.accepts(MODEL), true)
      await collect(answer.join(saying({ content: 'one two' }), able))
      answer.brokeOff(new EngineFailedError())
      assert.deepEqual(
        [able, MODEL, { ...able, digest: null }].map((model) => answer.accepts(model)),
        [true, false, other]
      )
    }
  })

  it('throws the failure where nobody may go on', async () => {
    const answer = new Unbroken(CHAT, 'off')
    await collect(answer.join(saying({ content: 'one two' }), MODEL))
    assert.throws(() => answer.brokeOff(new EngineFailedError('lost')), { message: 'lost' })
  })
})
