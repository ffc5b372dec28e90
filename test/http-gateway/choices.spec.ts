import assert from 'node:assert/strict'
import type { LightMyRequestResponse } from 'fastify'
import { BusyError, EngineFailedError } from '../../protocols/errors.ts'
import { readSse } from '../support/gateway/sse.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import { ACCEPTED, END, RECEIPT, aborted, content } from '../support/gateway/stub-consumer.ts'

interface Chunk {
  choices: { index: number; delta: { content?: string; role?: string }; finish_reason: string | null }[]
  usage?: { total_tokens: number }
}

describe('http-gateway/openai/choices', () => {
  let test: TestGateway

  beforeEach(() => {
    test = testGateway()
  })

  afterEach(async () => {
    await test.http.stop()
  })

  const post = (extra: object): Promise<LightMyRequestResponse> =>
    test.http.inject({
      method: 'POST',
      url: '/v1/chat/completions',
      headers: { host: 'localhost' },
      payload: { model: 'tiny', messages: [{ role: 'user', content: 'hi' }], ...extra }
    })

  /** Answers the nth request with its number, each letter its own delta, all at the same time. */
  function numbered(): void {
    test.consumer.script = async function* () {
      const number = test.consumer.requests.length
      yield ACCEPTED
      for (const letter of ['one', 'two', 'three'][number - 1] ?? '') {
        yield content(letter)
        await new Promise((resolve) => setImmediate(resolve))
      }
      yield END
    }
  }

  it('makes each choice an order of its own, with a seed of its own', async () => {
    numbered()
    const response = await post({ n: 3, seed: 7 })
    assert.equal(response.statusCode, 200)
    const body = response.json<{
      choices: { index: number; message: { content: string } }[]
      usage: { prompt_tokens: number; total_tokens: number }
    }>()
    assert.deepEqual(
      body.choices.map(({ index, message }) => [index, message.content]),
      [
        [0, 'one'],
        [1, 'two'],
        [2, 'three']
      ]
    )
    assert.equal(body.usage.prompt_tokens, 21)
    assert.equal(body.usage.total_tokens, 30)
    assert.deepEqual(
      test.consumer.requests.map((request) => (request.kind === 'chat' ? request.seed : undefined)),
      [7, 8, 9]
    )
    const receipts = String(response.headers['x-lobstah-receipt']).split(', ')
    assert.equal(receipts.length, 3)
    assert.deepEqual(JSON.parse(Buffer.from(receipts[2]!, 'base64url').toString()), RECEIPT)
  })

  it('streams the choices as they come, told apart by their index', async () => {
    numbered()
    const { data, comments } = readSse(
      (await post({ n: 3, stream: true, stream_options: { include_usage: true } })).payload
    )
    assert.equal(data.pop(), '[DONE]')
    const chunks = data.map((text) => JSON.parse(text) as Chunk)
    const of = (index: number): Chunk['choices'] =>
      chunks.flatMap(({ choices }) => choices).filter((choice) => choice.index === index)
    for (const [index, word] of ['one', 'two', 'three'].entries()) {
      assert.equal(
        of(index)
          .map(({ delta }) => delta.content ?? '')
          .join(''),
        word
      )
      assert.equal(of(index)[0]!.delta.role, 'assistant')
      assert.deepEqual(
        of(index).flatMap(({ finish_reason }) => finish_reason ?? []),
        ['stop']
      )
    }
    const order = chunks.flatMap(({ choices }) => choices.map(({ index }) => index)).join('')
    assert.doesNotMatch(order, /^0+1+2+$/, 'not one after the other')
    assert.equal(chunks.at(-1)!.usage!.total_tokens, 30)
    assert.equal(comments.filter((comment) => comment.startsWith('lobstah-receipt ')).length, 3)
  })

  it('answers with the status of a choice that fails at the start, and cancels the others', async () => {
    test.consumer.script = async function* (_, signal) {
      if (test.consumer.requests.length === 2) throw new BusyError()
      yield ACCEPTED
      yield content('x')
      await aborted(signal)
    }
    for (const stream of [true, false]) {
      test.consumer.requests.length = 0
      const response = await post({ n: 2, stream })
      assert.equal(response.statusCode, 429)
    }
    await test.consumer.aborted
    assert.equal(test.consumer.finished, 4)
  })

  it('fails as a whole when a choice fails in mid-stream', async () => {
    test.consumer.script = async function* (_, signal) {
      const number = test.consumer.requests.length
      yield ACCEPTED
      yield content('x')
      if (number === 2) throw new EngineFailedError('the engine broke')
      await aborted(signal)
    }
    // The connection breaks, which injected requests only show by failing.
    await test.http.start()
    const response = await fetch(`${test.http.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }], n: 2, stream: true })
    })
    const received: Uint8Array[] = []
    await assert.rejects(async () => {
      for await (const chunk of response.body!) received.push(chunk as Uint8Array)
    })
    const text = Buffer.concat(received).toString()
    assert.match(text, /"code":"engine_failed"/)
    assert.doesNotMatch(text, /\[DONE\]/)
  })

  it('speaks of function_call to those who speak of functions', async () => {
    test.consumer.script = async function* () {
      yield ACCEPTED
      yield { type: 'delta', delta: { toolCalls: [{ index: 0, id: 'c', name: 'f' }] } }
      yield { type: 'delta', delta: { toolCalls: [{ index: 0, arguments: '{}' }] } }
      yield { ...END, finishReason: 'tool_calls' } as typeof END
    }
    const functions = [{ name: 'f', parameters: { type: 'object' } }]
    const { choices } = (await post({ functions })).json<{ choices: Record<string, unknown>[] }>()
    assert.equal(choices[0]!.finish_reason, 'function_call')
    assert.deepEqual(choices[0]!.message, {
      role: 'assistant',
      content: null,
      refusal: null,
      function_call: { name: 'f', arguments: '{}' }
    })
    const { data } = readSse((await post({ functions, stream: true })).payload)
    const deltas = data.slice(0, -1).map((text) => (JSON.parse(text) as Chunk).choices[0]!)
    assert.deepEqual(
      deltas.map(({ delta }) => delta),
      [
        { role: 'assistant', function_call: { name: 'f', arguments: '' } },
        { function_call: { arguments: '{}' } },
        {}
      ]
    )
    assert.equal(deltas.at(-1)!.finish_reason, 'function_call')
  })
})
