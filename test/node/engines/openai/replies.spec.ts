import assert from 'node:assert/strict'
import fc from 'fast-check'
import { chatChunk, OpenaiReply } from '../../../../node/engines/openai/replies.ts'
import { EngineFailedError } from '../../../../protocols/errors.ts'
import type { FinishReason, ToolCallDelta } from '../../../../protocols/inference/index.ts'

interface Piece {
  index?: number
  id?: string
  function?: { name?: string; arguments?: string }
}

interface Call {
  id: string | undefined
  name: string | undefined
  arguments: string
}

/** What becomes of chunks, each with the tool calls it brings; the last one says why it ended. */
function read(
  chunks: Piece[][],
  finish_reason = 'tool_calls'
): { deltas: ToolCallDelta[]; calls: Call[]; finishReason: FinishReason | undefined } {
  const reply = new OpenaiReply(1)
  const deltas: ToolCallDelta[] = []
  for (const [place, tool_calls] of chunks.entries()) {
    const last = place === chunks.length - 1 ? { finish_reason } : {}
    for (const event of reply.deltas(chatChunk.parse({ choices: [{ delta: { tool_calls }, ...last }] }))) {
      if (event.type === 'delta') deltas.push(...(event.delta.toolCalls ?? []))
    }
  }
  const end = reply.end()
  const calls: Call[] = []
  for (const { index, id, name, arguments: text = '' } of deltas) {
    const call = (calls[index] ??= { id, name, arguments: '' })
    call.arguments += text
  }
  return { deltas, calls, finishReason: end.type === 'end' ? end.finishReason : undefined }
}

describe('node/engines/openai/replies', () => {
  it('keeps a name that comes after its id', () => {
    const { deltas } = read([
      [{ index: 0, id: 'a' }],
      [{ index: 0, function: { arguments: '{"x"' } }],
      [{ index: 0, function: { name: 'weather', arguments: ':1' } }],
      [{ index: 0, function: { arguments: '}' } }]
    ])
    assert.deepEqual(deltas, [
      { index: 0, id: 'a', name: 'weather', arguments: '{"x":1' },
      { index: 0, arguments: '}' }
    ])
  })

  it('tells calls apart that a server gives the same index, or none', () => {
    for (const index of [{ index: 0 }, {}]) {
      const { calls } = read([
        [{ ...index, id: 'a', function: { name: 'weather', arguments: '{"x":1}' } }],
        [{ ...index, id: 'b', function: { name: 'weather', arguments: '{"x":' } }],
        [{ ...index, function: { arguments: '2}' } }]
      ])
      assert.deepEqual(calls, [
        { id: 'a', name: 'weather', arguments: '{"x":1}' },
        { id: 'b', name: 'weather', arguments: '{"x":2}' }
      ])
    }
  })

  it('takes a call for one where its id is said again, or anew without a name', () => {
    for (const id of ['a', 'other']) {
      const { calls } = read([
        [{ index: 0, id: 'a', function: { name: 'weather', arguments: '{' } }],
        [{ index: 0, id, function: { arguments: '}' } }]
      ])
      assert.deepEqual(calls, [{ id: 'a', name: 'weather', arguments: '{}' }])
    }
  })

  it('says tool_calls where the only chunk brings the call and says stop', () => {
    const { finishReason } = read([[{ index: 0, id: 'a', function: { name: 'weather' } }]], 'stop')
    assert.equal(finishReason, 'tool_calls')
  })

  it('fails where a call never gets a name', () => {
    assert.throws(() => read([[{ index: 0, id: 'a', function: { arguments: '{}' } }]]), EngineFailedError)
  })

  it('joins calls however they are cut', () => {
    const call = fc.record({
      name: fc.string({ minLength: 1 }),
      pieces: fc.array(fc.string(), { maxLength: 5 })
    })
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 4 }), fc.boolean(), (calls, lateName) => {
        const chunks = calls.flatMap(({ name, pieces }, index) => [
          [{ index, id: `call_${index}`, function: lateName ? {} : { name } }],
          ...(lateName ? [[{ index, function: { name } }]] : []),
          ...pieces.map((piece) => [{ index, function: { arguments: piece } }])
        ])
        assert.deepEqual(
          read(chunks).calls,
          calls.map(({ name, pieces }, index) => ({ id: `call_${index}`, name, arguments: pieces.join('') }))
        )
      })
    )
  })
})
