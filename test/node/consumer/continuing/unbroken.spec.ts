import assert from 'node:assert/strict'
import { Unbroken } from '../../../../node/consumer/continuing/unbroken.ts'
import {
  EngineFailedError,
  type AnswerEvent,
  type Delta,
  type InferenceRequest,
  type SignedRecord
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
    const answer: Unbroken = new Unbroken(CHAT, 'same-digest')
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
    const answer: Unbroken = new Unbroken(CHAT, 'off')
    await collect(answer.join(saying({ content: 'one two' }), MODEL))
    assert.throws(() => answer.brokeOff(new EngineFailedError('lost')), { message: 'lost' })
  })

  const TOOLS: InferenceRequest = {
    ...CHAT,
    tools: [{ type: 'function', function: { name: 'look', parameters: {} } }]
  }
  const SCHEMA: InferenceRequest = { ...CHAT, response_format: { type: 'json_object' } }
  const call = (piece: string, more: object = {}): Delta => ({
    toolCalls: [{ index: 0, arguments: piece, ...more }]
  })
  const END = {
    type: 'end',
    finishReason: 'tool_calls',
    usage: { promptTokens: 7, completionTokens: 5 }
  } as const

  async function* ending(...deltas: Delta[]): AsyncGenerator<AnswerEvent> {
    yield* saying(...deltas)
    yield END
  }

  it('goes no further than an error inside a tool call or a document that the client has', async () => {
    for (const [request, delta] of [
      [TOOLS, call('{"what":', { id: 'a', name: 'look' })],
      [SCHEMA, { content: '{"answer": ' }]
    ] as const) {
      const answer: Unbroken = new Unbroken(request, 'same-digest')
      assert.equal((await collect(answer.join(saying(delta), MODEL))).length, 1)
      assert.throws(() => answer.brokeOff(new EngineFailedError('lost')), /^\w*:? ?lost\. It broke off in a/)
    }
  })

  it('begins a tool call or a document again where the client was shown nothing of it', async () => {
    for (const [request, delta] of [
      [TOOLS, call('{"what":', { id: 'a', name: 'look' })],
      [SCHEMA, { content: '{"answer": ' }]
    ] as const) {
      const answer: Unbroken = new Unbroken(request, 'same-digest', true)
      assert.deepEqual(await collect(answer.join(saying(delta), MODEL)), [])
      assert.equal(answer.brokeOff(new EngineFailedError('lost')), undefined)
      assert.ok(Object.is(answer.request, request))
      const whole = { ...delta, content: 'another' }
      const events = await collect(answer.join(ending(whole), MODEL))
      assert.deepEqual(events, [{ type: 'delta', delta: whole }, END])
    }
  })

  it('goes on with text after whole tool calls where the same calls are made again', async () => {
    const answer: Unbroken = new Unbroken(TOOLS, 'same-digest')
    const made = call('{"what":"x"}', { id: 'a', name: 'look' })
    await collect(answer.join(saying({ content: 'One' }, made, { content: ' moment' }), MODEL))
    assert.equal(answer.brokeOff(new EngineFailedError('lost')), undefined)
    assert.ok(Object.is(answer.request, TOOLS))
    const again = ending({ content: 'One' }, call('{"what"', { id: 'b', name: 'look' }), call(':"x"}'), {
      content: ' moment, please'
    })
    const events = await collect(answer.join(again, MODEL))
    assert.deepEqual(events, [{ type: 'delta', delta: { content: ', please' } }, END])
  })

  it('gives up on a contributor that makes another call, or none', async () => {
    for (const other of [
      ending(call('{"what":"y"}', { id: 'b', name: 'look' })),
      ending({ content: 'No' })
    ]) {
      const answer: Unbroken = new Unbroken(TOOLS, 'same-digest')
      await collect(answer.join(saying(call('{"what":"x"}', { id: 'a', name: 'look' })), MODEL))
      answer.brokeOff(new EngineFailedError('lost'))
      await assert.rejects(collect(answer.join(other, MODEL)), { name: 'DisagreementError' })
      answer.brokeOff(new EngineFailedError('lost'))
      assert.equal(answer.asksAgain, false)
    }
  })

  it('keeps the receipts of every contributor apart, late ones too', async () => {
    const receipt = (order: string, final: boolean): SignedRecord => ({
      payload: JSON.stringify({ order, final }),
      signature: 'x'
    })
    const answer: Unbroken = new Unbroken(CHAT, 'same-digest')
    const able = { ...MODEL, capabilities: ['chat', 'continue'] }
    const first = answer.asks()
    await collect(answer.join(saying({ content: 'one two' }), able))
    answer.brokeOff(new EngineFailedError('lost'))
    const second = answer.asks()
    second(receipt('second', true))
    // A contributor that was cancelled sends its receipt when the next one is at work.
    first(receipt('first', true))
    const events = await collect(answer.join(ending({ content: ' two three' }), able))
    const end = events.at(-1)
    assert.ok(end?.type === 'end')
    assert.deepEqual(end.earlier, [receipt('first', true)])
  })
})
