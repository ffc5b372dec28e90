import assert from 'node:assert/strict'
import { continuation } from '../../../../node/consumer/continuing/continuation.ts'
import { Delivered } from '../../../../node/consumer/continuing/delivered.ts'
import { DisagreementError } from '../../../../node/consumer/continuing/joint.ts'
import { Splice } from '../../../../node/consumer/continuing/splice.ts'
import type { Delta, InferenceRequest } from '../../../../protocols/index.ts'

const CHAT: InferenceRequest = { kind: 'chat', model: 'm', messages: [{ role: 'user', content: 'Hi' }] }

function spliceAfter(delivered: Delta[], { request = CHAT, exact = false } = {}): Splice {
  const before = new Delivered()
  for (const delta of delivered) before.add(delta)
  const next = continuation(request, before, exact)
  assert.ok(!('refusal' in next))
  return new Splice(next, before.vectors)
}

function contentOf(splice: Splice, pieces: string[]): string {
  const passed = pieces.flatMap((content) => splice.pass({ content }))
  return [...passed, ...splice.finish(END)].map(({ content }) => content ?? '').join('')
}

const usage = { promptTokens: 40, completionTokens: 5 }
const END = { type: 'end', finishReason: 'stop', usage } as const

describe('node/consumer/continuing/splice', () => {
  it('leaves out what comes again, however it is divided', () => {
    for (const pieces of [
      [' three four'],
      [' ', 'th', 'ree', ' four'],
      [' thr', 'ee four'],
      [' three', ' four']
    ])
      assert.equal(contentOf(spliceAfter([{ content: 'one two' }, { content: ' thr' }]), pieces), 'ee four')
  })

  it('says so when the answer takes another way', () => {
    const splice = spliceAfter([{ content: 'one two thr' }])
    assert.throws(() => splice.pass({ content: ' four' }), DisagreementError)
  })

  it('says so when it ends before what the client has', () => {
    const splice = spliceAfter([{ content: 'one two three' }])
    splice.pass({ content: ' th' })
    assert.throws(() => splice.finish(END), DisagreementError)
  })

  it('takes any word after a cut at the end, with or without the space before it', () => {
    const exact = { exact: true }
    assert.equal(contentOf(spliceAfter([{ content: 'one two thr' }], exact), ['ow', ' far']), 'ow far')
    assert.equal(contentOf(spliceAfter([{ content: 'one two ' }], exact), [' three']), 'three')
    assert.equal(contentOf(spliceAfter([{ content: 'one two ' }], exact), ['three']), 'three')
  })

  it('counts the prompt once, and the completion in total', () => {
    const splice = spliceAfter([
      { content: 'one', tokens: 1 },
      { content: ' two', tokens: 3 },
      { content: ' t' }
    ])
    splice.pass({ content: ' three' })
    const { usage: all } = splice.end({ type: 'end', finishReason: 'stop', usage })
    assert.deepEqual(all, { promptTokens: 36, completionTokens: 9 })
  })

  it('leaves out the log probabilities of what comes again', () => {
    const splice = spliceAfter([{ content: 'one two thr' }])
    const logprobs = [' three', ' four'].map((token) => ({ token, logprob: -1 }))
    const [delta] = splice.pass({ content: ' three four', logprobs })
    assert.deepEqual(delta, { content: 'ee four', logprobs: [{ token: ' four', logprob: -1 }] })
  })

  it('shows reasoning on where it comes again, and none where it takes another way', () => {
    const same = spliceAfter([{ reasoning: 'Let me' }])
    assert.deepEqual(
      [{ reasoning: 'Let' }, { reasoning: ' me think' }, { content: 'Yes' }].flatMap((delta) =>
        same.pass(delta)
      ),
      [{ reasoning: ' think' }, { content: 'Yes' }]
    )
    const other = spliceAfter([{ reasoning: 'Let me' }])
    assert.deepEqual(
      [{ reasoning: 'I see' }, { reasoning: ' now' }, { content: 'Yes' }].flatMap((delta) =>
        other.pass(delta)
      ),
      [{ content: 'Yes' }]
    )
  })

  it('shows no reasoning once the answer itself has begun', () => {
    const splice = spliceAfter([{ reasoning: 'Hm' }, { content: 'one two' }])
    assert.deepEqual(splice.pass({ reasoning: 'Hm again' }), [])
  })

  it('passes the vectors that the client lacks', () => {
    const request: InferenceRequest = { kind: 'embedding', model: 'm', input: ['a', 'b'] }
    const splice = spliceAfter([{ embeddings: [{ index: 0, vector: 'AAAA' }] }], { request })
    assert.deepEqual(splice.pass({ embeddings: [{ index: 0, vector: 'AAAA' }] }), [])
    assert.equal(splice.pass({ embeddings: [{ index: 1, vector: 'BBBB' }] }).length, 1)
  })

  it('stops at a stop sequence that begins before the cut, and shows nothing of its end', () => {
    const request = { ...CHAT, stop: ['two three four'] }
    const splice = spliceAfter([{ content: 'one two th' }], { request })
    assert.deepEqual(
      [' three', ' four', ' five'].flatMap((content) => splice.pass({ content })),
      []
    )
    assert.equal(splice.stopped, true)
    assert.deepEqual(splice.finish(END), [])
  })

  it('holds nothing back for long where a stop sequence could have begun', () => {
    const request = { ...CHAT, stop: ['two three four'] }
    const splice = spliceAfter([{ content: 'one two th' }], { request })
    assert.equal(contentOf(splice, [' three', ' five', ' six', ' seven']), 'ree five six seven')
    assert.equal(splice.stopped, false)
  })

  it('takes an end by a stop sequence in what comes again', () => {
    const splice = spliceAfter([{ content: 'one two STO' }], { request: { ...CHAT, stop: ['STOP'] } })
    splice.pass({ content: ' ' })
    assert.deepEqual(splice.finish(END), [])
  })
})
