import assert from 'node:assert/strict'
import { continuation, type Continuation } from '../../../../node/consumer/continuing/continuation.ts'
import { Delivered } from '../../../../node/consumer/continuing/delivered.ts'
import type { Delta, InferenceRequest } from '../../../../protocols/index.ts'

const CHAT: InferenceRequest = { kind: 'chat', model: 'm', messages: [{ role: 'user', content: 'Hi' }] }
const COMPLETION: InferenceRequest = { kind: 'completion', model: 'm', prompt: 'Once' }

function after(...deltas: Delta[]): Delivered {
  const delivered = new Delivered()
  for (const delta of deltas) delivered.add(delta)
  return delivered
}

function next(request: InferenceRequest, delivered: Delivered, exact = false): Continuation {
  const found = continuation(request, delivered, exact)
  assert.ok(!('refusal' in found), 'refusal' in found ? found.refusal : '')
  return found
}

function refusal(request: InferenceRequest, delivered: Delivered): string | undefined {
  const found = continuation(request, delivered, false)
  return 'refusal' in found ? found.refusal : undefined
}

const words = (text: string): Delta[] => text.split(/(?= )/).map((content) => ({ content }))

describe('node/consumer/continuing/continuation', () => {
  it('gives a chat its answer so far as the last message, without the last word', () => {
    const { request, content, continues, tokens, reasoning } = next(CHAT, after(...words('one two thr')))
    assert.ok(request.kind === 'chat')
    assert.deepEqual(request.messages, [...CHAT.messages, { role: 'assistant', content: 'one two' }])
    assert.equal(request.continue_final_message, true)
    assert.deepEqual([content, continues, tokens, reasoning], [' thr', true, 2, null])
  })

  it('keeps the reasoning beside the answer', () => {
    const delivered = after({ reasoning: 'Hm.' }, ...words('one two three'))
    const { request } = next(CHAT, delivered)
    assert.ok(request.kind === 'chat')
    assert.deepEqual(request.messages.at(-1), {
      role: 'assistant',
      content: 'one two',
      reasoning_content: 'Hm.'
    })
  })

  it('goes on with a message that the user asked to be continued', () => {
    const asked: InferenceRequest = {
      ...CHAT,
      messages: [...CHAT.messages, { role: 'assistant', content: 'zero' }],
      continue_final_message: true
    }
    const { request } = next(asked, after(...words(' one two')))
    assert.ok(request.kind === 'chat')
    assert.deepEqual(request.messages.at(-1), { role: 'assistant', content: 'zero one' })
    assert.equal(request.messages.length, 2)
  })

  it('appends to the prompt of a completion, which every model can go on with', () => {
    const { request, continues } = next(COMPLETION, after(...words(' upon a time')))
    assert.ok(request.kind === 'completion')
    assert.deepEqual([request.prompt, continues], ['Once upon a', false])
  })

  it('cuts at the end where that is wanted', () => {
    const { content, exact, prefix } = next(CHAT, after(...words('one two thr')), true)
    assert.deepEqual([prefix, content, exact], ['one two thr', '', true])
  })

  it('bounds what is left to write, and is over where nothing is', () => {
    const bounded = { ...CHAT, max_tokens: 10 }
    const { request, over } = next(bounded, after(...words('one two three four')))
    assert.ok(request.kind === 'chat')
    assert.deepEqual([request.max_tokens, over], [7, false])
    assert.equal(next({ ...CHAT, max_tokens: 4 }, after(...words('one two three four'))).over, true)
  })

  it('asks for the whole again after reasoning alone, or a single word', () => {
    const thought = next(CHAT, after({ reasoning: 'Let me' }))
    assert.deepEqual(
      [thought.request, thought.reasoning, thought.content, thought.continues],
      [CHAT, 'Let me', '', false]
    )
    assert.equal(next(CHAT, after({ content: 'Hel' })).content, 'Hel')
    assert.equal(next(CHAT, after()).request, CHAT)
  })

  it('asks for all vectors again', () => {
    const request: InferenceRequest = { kind: 'embedding', model: 'm', input: ['a', 'b'] }
    assert.equal(next(request, after({ embeddings: [{ index: 0, vector: 'AAAA' }] })).request, request)
  })

  it('refuses in a tool call, in a document of a schema, and between two texts', () => {
    const called = after({ content: 'I look. ' }, { toolCalls: [{ index: 0, name: 'f', arguments: '{' }] })
    assert.match(refusal(CHAT, called) ?? '', /tool call/)
    const formatted = { ...CHAT, response_format: { type: 'json_object' as const } }
    assert.match(refusal(formatted, after(...words('{"a": 1'))) ?? '', /schema/)
    assert.equal(refusal(formatted, after()), undefined)
    assert.match(refusal({ ...COMPLETION, suffix: 'end' }, after(...words(' a b'))) ?? '', /between/)
  })
})
