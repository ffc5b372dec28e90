import assert from 'node:assert/strict'
import type { LightMyRequestResponse } from 'fastify'
import {
  BusyError,
  CreditExhaustedError,
  EngineFailedError,
  ModelDepartedError,
  ModelNotFoundError
} from '../../protocols/errors.ts'
import type { AnswerEvent, Delta } from '../../protocols/inference/index.ts'
import { readSse } from '../support/gateway/sse.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import {
  ACCEPTED,
  END,
  PEER,
  RECEIPT,
  content,
  listed,
  type Script
} from '../support/gateway/stub-consumer.ts'

const hello = { model: 'tiny', messages: [{ role: 'user', content: 'hi' }] }

function failing(err: Error, before: AnswerEvent[] = []): Script {
  return async function* () {
    yield* before
    throw err
  }
}

function answering(...deltas: Delta[]): Script {
  return async function* () {
    yield ACCEPTED
    for (const delta of deltas) yield { type: 'delta', delta }
    yield END
  }
}

describe('http-gateway/openai/chat-completions', () => {
  let test: TestGateway

  beforeEach(() => {
    test = testGateway()
  })

  afterEach(async () => {
    await test.http.stop()
  })

  const post = (payload: object): Promise<LightMyRequestResponse> =>
    test.http.inject({ method: 'POST', url: '/v1/chat/completions', headers: { host: 'localhost' }, payload })

  describe('as a document', () => {
    it('answers with the text, the finish reason and the usage', async () => {
      const response = await post(hello)
      assert.equal(response.statusCode, 200)
      const { id, created, ...rest } = response.json<{ id: string; created: number }>()
      assert.match(id, /^chatcmpl-[0-9a-f]{32}$/)
      assert.ok(Math.abs(created - Date.now() / 1000) < 60)
      assert.deepEqual(rest, {
        object: 'chat.completion',
        model: 'tiny:latest',
        choices: [
          {
            index: 0,
            message: { role: 'assistant', content: 'Hello', refusal: null },
            logprobs: null,
            finish_reason: 'stop'
          }
        ],
        usage: {
          prompt_tokens: 7,
          completion_tokens: 3,
          total_tokens: 10,
          prompt_tokens_details: { cached_tokens: 2 },
          completion_tokens_details: { reasoning_tokens: 1 }
        }
      })
    })

    it('says who answered, how, and under which receipt', async () => {
      const { headers } = await post(hello)
      assert.equal(headers['x-lobstah-peer'], PEER)
      assert.equal(headers['x-lobstah-route'], 'direct')
      const receipt = Buffer.from(String(headers['x-lobstah-receipt']), 'base64url').toString()
      assert.deepEqual(JSON.parse(receipt), RECEIPT)
    })

    it('leaves a receipt out that is too long for a header', async () => {
      const receipt = { ...RECEIPT, payload: 'x'.repeat(10_000) }
      test.consumer.script = async function* () {
        yield ACCEPTED
        yield { ...(END as Extract<AnswerEvent, { type: 'end' }>), receipt }
      }
      const response = await post(hello)
      assert.equal(response.statusCode, 200)
      assert.equal(response.headers['x-lobstah-receipt'], undefined)
    })

    it('assembles tool calls, reasoning and log probabilities', async () => {
      test.consumer.script = answering(
        { reasoning: 'think ' },
        { reasoning: 'hard' },
        { toolCalls: [{ index: 1, id: 'b', name: 'two', arguments: '{}' }] },
        { toolCalls: [{ index: 0, name: 'one' }] },
        { toolCalls: [{ index: 0, arguments: '{"a":' }] },
        { toolCalls: [{ index: 0, arguments: '1}' }] },
        { logprobs: [{ token: 'é', logprob: -0.5, top: [{ token: 'e', logprob: -2 }] }] },
        { logprobs: [{ token: '\ufffd', logprob: -1, bytes: [226, 156], top: [] }] }
      )
      const { choices } = (await post(hello)).json<{
        choices: { message: Record<string, unknown>; logprobs: unknown }[]
      }>()
      const message = choices[0]!.message as {
        tool_calls: { id: string }[]
        content: unknown
        reasoning_content: unknown
      }
      assert.equal(message.content, null)
      assert.equal(message.reasoning_content, 'think hard')
      assert.match(message.tool_calls[0]!.id, /^call_\w+$/)
      assert.deepEqual(message.tool_calls, [
        { id: message.tool_calls[0]!.id, type: 'function', function: { name: 'one', arguments: '{"a":1}' } },
        { id: 'b', type: 'function', function: { name: 'two', arguments: '{}' } }
      ])
      assert.deepEqual(choices[0]!.logprobs, {
        content: [
          {
            token: 'é',
            logprob: -0.5,
            bytes: [195, 169],
            top_logprobs: [{ token: 'e', logprob: -2, bytes: [101] }]
          },
          { token: '\ufffd', logprob: -1, bytes: [226, 156], top_logprobs: [] }
        ],
        refusal: null
      })
    })

    it('fails when the answer breaks off without an end', async () => {
      test.consumer.script = async function* () {
        yield ACCEPTED
        yield content('half')
      }
      const response = await post(hello)
      assert.equal(response.statusCode, 503)
      assert.equal(response.json<{ error: { code: string } }>().error.code, 'peer_lost')
    })

    it('answers at the end event, then lets the consumer settle', async () => {
      const settled = Promise.withResolvers<undefined>()
      test.consumer.script = async function* () {
        yield ACCEPTED
        yield content('done')
        yield END
        await settled.promise
      }
      assert.equal((await post(hello)).statusCode, 200)
      assert.equal(test.consumer.finished, 0)
      settled.resolve(undefined)
    })
  })

  describe('as a stream', () => {
    const stream = async (
      extra: object = {}
    ): Promise<ReturnType<typeof readSse> & { response: LightMyRequestResponse }> => {
      const response = await post({ ...hello, stream: true, ...extra })
      return { ...readSse(response.payload), response }
    }

    it('sends the role first, one finish reason, the receipt as a comment, then [DONE]', async () => {
      const { data, comments, response } = await stream()
      assert.equal(response.statusCode, 200)
      assert.equal(response.headers['content-type'], 'text/event-stream')
      assert.equal(response.headers['cache-control'], 'no-cache')
      assert.equal(response.headers['x-lobstah-peer'], PEER)
      assert.equal(response.headers['x-lobstah-route'], 'direct')
      assert.equal(data.pop(), '[DONE]')
      const chunks = data.map(
        (text) =>
          JSON.parse(text) as {
            id: string
            model: string
            object: string
            choices: { delta: unknown; finish_reason: unknown }[]
          }
      )
      assert.deepEqual(
        chunks.map(({ choices }) => choices[0]),
        [
          { index: 0, delta: { role: 'assistant', content: 'Hel' }, logprobs: null, finish_reason: null },
          { index: 0, delta: { content: 'lo' }, logprobs: null, finish_reason: null },
          { index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }
        ]
      )
      assert.equal(new Set(chunks.map(({ id }) => id)).size, 1)
      assert.ok(
        chunks.every(({ model, object }) => model === 'tiny:latest' && object === 'chat.completion.chunk')
      )
      assert.ok(chunks.every((chunk) => !('usage' in chunk)))
      assert.equal(comments.length, 1)
      assert.deepEqual(JSON.parse(comments[0]!.replace('lobstah-receipt ', '')), RECEIPT)
      assert.ok(response.payload.indexOf('lobstah-receipt') < response.payload.indexOf('[DONE]'))
    })

    it('sends usage in a chunk without choices where it is asked for', async () => {
      const { data } = await stream({ stream_options: { include_usage: true } })
      const chunks = data
        .slice(0, -1)
        .map((text) => JSON.parse(text) as { choices: unknown[]; usage: unknown })
      assert.deepEqual(chunks.at(-1)!.choices, [])
      assert.deepEqual(chunks.at(-1)!.usage, {
        prompt_tokens: 7,
        completion_tokens: 3,
        total_tokens: 10,
        prompt_tokens_details: { cached_tokens: 2 },
        completion_tokens_details: { reasoning_tokens: 1 }
      })
      assert.ok(chunks.slice(0, -1).every(({ usage }) => usage === null))
    })

    it('writes any text so that it comes out the same', async () => {
      const texts = ['\n\ndata: x', '\u2028\r', '"\\', '\ud83e', '\udd9e', '</script>']
      test.consumer.script = answering({ content: '' }, ...texts.map((text) => ({ content: text })))
      const { data } = await stream()
      const received = data.slice(0, -1).map((text) => {
        const chunk = JSON.parse(text) as { choices: { delta: { content?: string } }[] }
        return chunk.choices[0]!.delta.content ?? ''
      })
      assert.equal(received.join(''), texts.join(''))
    })

    it('gives a tool call its index, id, type and name in its first delta only', async () => {
      test.consumer.script = answering(
        { reasoning: 'hm' },
        { toolCalls: [{ index: 0, id: 'c', name: 'f' }] },
        { toolCalls: [{ index: 0, arguments: '{"a":1}' }] },
        { toolCalls: [{ index: 1, name: 'g', arguments: '{}' }] }
      )
      const { data } = await stream()
      const deltas = data
        .slice(0, -1)
        .map(
          (text) => (JSON.parse(text) as { choices: { delta: Record<string, unknown> }[] }).choices[0]!.delta
        )
      assert.deepEqual(deltas.slice(0, 3), [
        { role: 'assistant', reasoning: 'hm', reasoning_content: 'hm' },
        { tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '' } }] },
        { tool_calls: [{ index: 0, function: { arguments: '{"a":1}' } }] }
      ])
      assert.match((deltas[3]!.tool_calls as { id: string }[])[0]!.id, /^call_\w+$/)
    })

    it('sends a role even where the answer is empty', async () => {
      test.consumer.script = answering()
      const { data } = await stream()
      assert.equal(data.length, 3)
      assert.match(data[0]!, /"delta":\{"role":"assistant","content":""\}/)
      assert.match(data[1]!, /"finish_reason":"stop"/)
    })

    it('answers a failure before the first delta with its status', async () => {
      test.consumer.script = failing(new EngineFailedError('it broke'), [ACCEPTED])
      const { response } = await stream()
      assert.equal(response.statusCode, 503)
      assert.deepEqual(response.json(), {
        error: { message: 'it broke', type: 'server_error', param: null, code: 'engine_failed' }
      })
    })
  })

  it('suggests the nearest models for one that is not served', async () => {
    test.consumer.listed = ['qwen2.5:7b', 'llama3.2:3b', 'nomic-embed-text:latest'].map((id) => listed(id))
    test.consumer.script = failing(new ModelNotFoundError())
    const response = await post({ ...hello, model: 'lama3.2:1b', stream: true })
    assert.equal(response.statusCode, 404)
    const { error } = response.json<{ error: { message: string; code: string; param: string } }>()
    assert.match(error.message, /did you mean 'llama3\.2:3b'\?$/)
    assert.equal(error.code, 'model_not_found')
    assert.equal(error.param, 'model')
  })

  it('tells who served a model that is gone, and what is close to it', async () => {
    test.consumer.script = failing(new ModelDepartedError('tiny:1b was served by ann until 61 s ago'))
    const told = async (...served: string[]): Promise<string> => {
      test.consumer.listed = served.map((id) => listed(id))
      const response = await post({ ...hello, model: 'tiny:1b' })
      assert.equal(response.statusCode, 404)
      const { error } = response.json<{ error: { message: string; code: string } }>()
      assert.equal(error.code, 'model_not_found')
      assert.match(error.message, /^tiny:1b was served by ann until 61 s ago\. /)
      return error.message
    }
    assert.match(await told('tiny:3b'), /Close to it are 'tiny:3b'\.$/)
    assert.match(await told('qwen3:8b'), /GET \/v1\/models lists the models that are served\.$/)
    assert.match(await told(), /No model is served now/)
  })

  it('tells a busy mesh from an exhausted credit', async () => {
    test.consumer.script = failing(new BusyError(undefined, { retryAfterMs: 2500 }))
    const busy = await post(hello)
    assert.equal(busy.statusCode, 429)
    assert.equal(busy.headers['retry-after'], '3')
    assert.equal(busy.headers['x-should-retry'], undefined)
    test.consumer.script = failing(new CreditExhaustedError('You owe 12 of 10'))
    const broke = await post(hello)
    assert.equal(broke.statusCode, 402)
    assert.equal(broke.headers['x-should-retry'], 'false')
    assert.equal(broke.headers['retry-after'], undefined)
  })

  it('hides what went wrong inside and logs it', async () => {
    test.consumer.script = failing(new TypeError('secret detail'))
    const response = await post(hello)
    assert.equal(response.statusCode, 500)
    assert.equal(response.headers['x-should-retry'], 'false')
    assert.doesNotMatch(response.payload, /secret/)
    assert.ok(
      test.log.some(
        ({ level, fields }) => level === 'error' && String(fields?.error).includes('secret detail')
      )
    )
  })

  it('never logs a prompt or an answer', async () => {
    await post({ model: 'tiny', messages: [{ role: 'user', content: 'the prompt' }] })
    await post({
      model: 'tiny',
      messages: [{ role: 'user', content: 'the prompt' }],
      temperature: 'the prompt'
    })
    assert.doesNotMatch(JSON.stringify(test.log), /the prompt|Hel/)
  })

  it('takes a sane request id and makes one otherwise', async () => {
    const ask = async (id: string): Promise<string> => {
      const headers = { host: 'localhost', 'x-request-id': id }
      return String((await test.http.inject({ url: '/healthz', headers })).headers['x-request-id'])
    }
    assert.equal(await ask('trace-1:2.3_x'), 'trace-1:2.3_x')
    assert.match(await ask('a b'), /^req_[0-9a-f-]{36}$/)
    assert.match(await ask('x'.repeat(200)), /^req_/)
  })
})
