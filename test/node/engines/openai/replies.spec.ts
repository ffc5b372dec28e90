import assert from 'node:assert/strict'
import fc from 'fast-check'
import { OpenaiReply } from '../../../../node/engines/openai/replies.ts'
import type { EngineEvent } from '../../../../node/engines/index.ts'
import { EngineFailedError } from '../../../../protocols/errors.ts'
import type { FinishReason, ToolCallDelta } from '../../../../protocols/inference/index.ts'

interface Piece {
  index?: number | null
  id?: string | null
  function?: { name?: string | null; arguments?: unknown }
}

interface Call {
  id: string | undefined
  name: string | undefined
  arguments: string
}

/** The events made from chunks of tool calls; the last one has the finish reason. */
function read(
  chunks: Piece[][],
  finish_reason = 'tool_calls',
  tools: string[] = []
): { deltas: ToolCallDelta[]; calls: Call[]; finishReason: FinishReason | undefined } {
  const reply = new OpenaiReply(1, tools)
  const deltas: ToolCallDelta[] = []
  let finishReason: FinishReason | undefined
  const keep = (events: Iterable<EngineEvent>): void => {
    for (const event of events) {
      if (event.type === 'end') finishReason = event.finishReason
      else deltas.push(...(event.delta.toolCalls ?? []))
    }
  }
  for (const [place, tool_calls] of chunks.entries()) {
    const last = place === chunks.length - 1 ? { finish_reason } : {}
    keep(reply.deltas({ choices: [{ delta: { tool_calls }, ...last }] }))
  }
  keep(reply.end())
  const calls: Call[] = []
  for (const { index, id, name, arguments: text = '' } of deltas) {
    const call = (calls[index] ??= { id, name, arguments: '' })
    call.arguments += text
  }
  return { deltas, calls, finishReason }
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

  it('gives calls without arguments an empty object, and only where the answer was not cut short', () => {
    for (const silence of [
      {},
      { arguments: '' },
      { arguments: null },
      { arguments: 'null' },
      { arguments: {} }
    ]) {
      const { calls } = read([[{ index: 0, id: 'a', function: { name: 'now', ...silence } }]])
      assert.deepEqual(calls, [{ id: 'a', name: 'now', arguments: '{}' }])
    }
    const { calls } = read([[{ index: 0, id: 'a', function: { name: 'now' } }]], 'length')
    assert.deepEqual(calls, [{ id: 'a', name: 'now', arguments: '' }])
  })

  it('drops an empty object that comes ahead of the arguments', () => {
    const { calls } = read([
      [{ index: 0, id: 'a', function: { name: 'weather', arguments: '{}' } }],
      [{ index: 0, function: { arguments: '{"x":' } }],
      [{ index: 0, function: { arguments: '1}' } }]
    ])
    assert.deepEqual(calls, [{ id: 'a', name: 'weather', arguments: '{"x":1}' }])
  })

  it('makes text of arguments that are an object, or JSON within JSON', () => {
    for (const value of [{ x: 1 }, '{"x":1}', '"{\\"x\\":1}"']) {
      const { calls } = read([[{ index: 0, id: 'a', function: { name: 'weather', arguments: value } }]])
      assert.deepEqual(calls, [{ id: 'a', name: 'weather', arguments: '{"x":1}' }])
    }
  })

  describe('without ids', () => {
    const named = (name: string, text?: unknown, index: number | null = 0): Piece[] => [
      { index, function: { name, arguments: text } }
    ]
    const more = (text: string): Piece[] => [{ index: 0, function: { arguments: text } }]
    const told = (chunks: Piece[][], tools?: string[]) => {
      const { calls } = read(chunks, 'tool_calls', tools)
      assert.equal(new Set(calls.map(({ id }) => id)).size, calls.length)
      return calls.map(({ name, arguments: text }) => [name, text])
    }

    it('begins a call where a whole object is followed by a name, the same name too', () => {
      for (const index of [0, null]) {
        assert.deepEqual(
          told([
            named('fetch', '{"url":', index),
            [{ index, function: { arguments: '"a"}' } }],
            named('search', '{"q":"b"}', index),
            named('search', '{"q":"b"}', index)
          ]),
          [
            ['fetch', '{"url":"a"}'],
            ['search', '{"q":"b"}'],
            ['search', '{"q":"b"}']
          ]
        )
      }
    })

    it('goes on with a call whose name is said with every piece', () => {
      assert.deepEqual(told([named('fetch'), named('fetch', '{"a":'), named('fetch', '1}')]), [
        ['fetch', '{"a":1}']
      ])
    })

    it('joins a name in pieces, and tells it from the call after one without arguments', () => {
      const tools = ['get_weather', 'now']
      assert.deepEqual(told([named('get_'), named('weather'), more('{}')], tools), [['get_weather', '{}']])
      assert.deepEqual(told([named('get_'), named('get_weather'), more('{}')], tools), [
        ['get_weather', '{}']
      ])
      assert.deepEqual(told([named('now'), named('get_weather', '{"x":1}')], tools), [
        ['now', '{}'],
        ['get_weather', '{"x":1}']
      ])
    })

    it('tells the calls of one event apart by their order', () => {
      const pair = (one: string, two: string): Piece[] => [
        { function: { arguments: one } },
        { function: { arguments: two } }
      ]
      assert.deepEqual(
        told([[...named('a', '', null), ...named('b', '', null)], pair('{"x":', '{"y":'), pair('1}', '2}')]),
        [
          ['a', '{"x":1}'],
          ['b', '{"y":2}']
        ]
      )
    })
  })

  it('tells calls apart that share their id too, and takes a call that is said twice for one', () => {
    const whole = { index: 0, id: 'a', function: { name: 'fetch', arguments: '{"x":1}' } }
    const { calls } = read([
      [whole],
      [whole],
      [{ ...whole, function: { name: 'fetch', arguments: '{"x":2}' } }]
    ])
    assert.deepEqual(
      calls.map(({ arguments: text }) => text),
      ['{"x":1}', '{"x":2}']
    )
    assert.notEqual(calls[0]?.id, calls[1]?.id)
  })

  it('keeps the order of calls whose pieces alternate', () => {
    const { deltas, calls } = read([
      [{ index: 0, id: 'a', function: { name: 'f' } }],
      [{ index: 1, id: 'b', function: { name: 'g', arguments: '{"y":' } }],
      [{ index: 0, function: { arguments: '{"x":1}' } }],
      [{ index: 1, function: { arguments: '2}' } }]
    ])
    assert.deepEqual(
      calls.map((call) => call.arguments),
      ['{"x":1}', '{"y":2}']
    )
    assert.deepEqual(
      deltas.filter(({ name }) => name !== undefined).map(({ index }) => index),
      [0, 1]
    )
  })

  it('bounds the calls of an answer', () => {
    const calls = Array.from({ length: 129 }, (_, index) => ({
      index,
      id: String(index),
      function: { name: 'f' }
    }))
    assert.throws(() => read([calls]), EngineFailedError)
  })

  it('joins calls however they are cut', () => {
    const call = fc.record({
      name: fc.string({ minLength: 1 }),
      value: fc.dictionary(fc.string(), fc.string(), { minKeys: 1 }),
      size: fc.integer({ min: 1, max: 20 })
    })
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 4 }), fc.boolean(), (calls, lateName) => {
        const chunks = calls.flatMap(({ name, value, size }, index) => [
          [{ index, id: `call_${index}`, function: lateName ? {} : { name } }],
          ...(lateName ? [[{ index, function: { name } }]] : []),
          ...cut(JSON.stringify(value), size).map((piece) => [{ index, function: { arguments: piece } }])
        ])
        assert.deepEqual(
          read(chunks).calls,
          calls.map(({ name, value }, index) => ({
            id: `call_${index}`,
            name,
            arguments: JSON.stringify(value)
          }))
        )
      })
    )
  })
})

function cut(text: string, size: number): string[] {
  return Array.from({ length: Math.ceil(text.length / size) }, (_, n) => text.slice(n * size, (n + 1) * size))
}
