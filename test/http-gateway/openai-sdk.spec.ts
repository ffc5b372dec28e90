import assert from 'node:assert/strict'
import OpenAI, {
  APIConnectionError,
  APIError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError as SdkBadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError
} from 'openai'
import {
  BadRequestError,
  BusyError,
  CreditExhaustedError,
  EngineFailedError,
  ModelNotFoundError,
  NoProviderError,
  PeerLostError
} from '../../protocols/errors.ts'
import type { GatewayInit } from '../../http-gateway/index.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import { ACCEPTED, END, PEER, aborted, content, listed } from '../support/gateway/stub-consumer.ts'

const hello = {
  model: 'tiny',
  messages: [{ role: 'user', content: 'hi' }]
} satisfies OpenAI.ChatCompletionCreateParams

describe('http-gateway with the openai SDK', () => {
  let test: TestGateway
  let client: OpenAI

  async function started(
    init: GatewayInit = {},
    options: { maxRetries?: number; apiKey?: string } = {}
  ): Promise<void> {
    test = testGateway(init)
    await test.http.start()
    client = new OpenAI({ baseURL: `${test.http.url}/v1`, apiKey: 'any', maxRetries: 0, ...options })
  }

  afterEach(async () => {
    await test.http.stop()
  })

  it('chats', async () => {
    await started()
    const { data, response } = await client.chat.completions.create(hello).withResponse()
    assert.equal(data.choices[0]!.message.content, 'Hello')
    assert.equal(data.usage!.total_tokens, 10)
    assert.equal(response.headers.get('x-lobstah-peer'), PEER)
    assert.match(response.headers.get('x-request-id') ?? '', /^req_/)
  })

  it('streams, through keep-alives and receipts', async () => {
    await started({ keepAliveMs: 1, firstByteMs: 0 })
    const pinged = Promise.withResolvers<undefined>()
    test.consumer.script = async function* () {
      yield ACCEPTED
      await pinged.promise
      yield content('Hel')
      yield content('lo')
      yield END
    }
    const stream = await client.chat.completions.create({
      ...hello,
      stream: true,
      stream_options: { include_usage: true }
    })
    setTimeout(() => pinged.resolve(undefined), 30)
    const chunks: OpenAI.ChatCompletionChunk[] = []
    for await (const chunk of stream) chunks.push(chunk)
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), 'Hello')
    assert.deepEqual(
      chunks.map((chunk) => chunk.choices[0]?.finish_reason).filter((reason) => reason != null),
      ['stop']
    )
    assert.equal(chunks.at(-1)!.usage!.completion_tokens, 3)
  })

  it('assembles streamed tool calls and sends their results back', async () => {
    await started()
    test.consumer.script = async function* (request) {
      yield ACCEPTED
      if (request.kind === 'chat' && request.messages.at(-1)?.role === 'tool') yield content('sunny')
      else {
        yield { type: 'delta', delta: { toolCalls: [{ index: 0, id: 'c1', name: 'weather' }] } }
        yield { type: 'delta', delta: { toolCalls: [{ index: 0, arguments: '{"city":' }] } }
        yield { type: 'delta', delta: { toolCalls: [{ index: 0, arguments: '"Rome"}' }] } }
        yield { type: 'end', finishReason: 'tool_calls', usage: { promptTokens: 1, completionTokens: 1 } }
        return
      }
      yield END
    }
    const asked: unknown[] = []
    const runner = client.chat.completions.runTools({
      ...hello,
      stream: true,
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'of a city',
            parse: JSON.parse,
            parameters: { type: 'object', properties: { city: { type: 'string' } } },
            function: (args: unknown) => {
              asked.push(args)
              return 'sun'
            }
          }
        }
      ]
    })
    assert.equal(await runner.finalContent(), 'sunny')
    assert.deepEqual(asked, [{ city: 'Rome' }])
    assert.equal(test.consumer.requests.length, 2)
  })

  it('parses an answer by its JSON schema', async () => {
    await started()
    test.consumer.script = async function* () {
      yield ACCEPTED
      yield content('{"city":"Rome"}')
      yield END
    }
    const completion = await client.chat.completions.parse({
      ...hello,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'city', schema: { type: 'object' }, strict: true }
      }
    })
    assert.deepEqual(completion.choices[0]!.message.parsed, { city: 'Rome' })
    assert.deepEqual(test.consumer.requests[0], {
      kind: 'chat',
      ...hello,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'city', schema: { type: 'object' }, strict: true }
      }
    })
  })

  it('cancels the work when the caller aborts', async () => {
    await started()
    test.consumer.script = async function* (_, signal) {
      yield ACCEPTED
      yield content('x')
      await aborted(signal)
    }
    const stream = await client.chat.completions.create({ ...hello, stream: true })
    await stream[Symbol.asyncIterator]().next()
    stream.controller.abort()
    assert.match(String(await test.consumer.aborted), /hung up/)
  })

  it('cancels a request that is not answered yet', async () => {
    await started()
    const asked = Promise.withResolvers<undefined>()
    test.consumer.script = async function* (_, signal) {
      asked.resolve(undefined)
      await aborted(signal)
      yield END
    }
    const controller = new AbortController()
    const answer = client.chat.completions.create(hello, { signal: controller.signal })
    const failed = assert.rejects(answer, APIUserAbortError)
    await asked.promise
    controller.abort()
    await failed
    assert.match(String(await test.consumer.aborted), /hung up/)
  })

  const errors: [Error, new (...args: never[]) => APIError, number, string][] = [
    [new BadRequestError('no', { param: 'stop' }), SdkBadRequestError, 400, 'bad_request'],
    [new ModelNotFoundError(), NotFoundError, 404, 'model_not_found'],
    [new BusyError(), RateLimitError, 429, 'busy'],
    [new CreditExhaustedError(), APIError, 402, 'credit_exhausted'],
    [new NoProviderError(), InternalServerError, 503, 'no_provider'],
    [new PeerLostError(), InternalServerError, 503, 'peer_lost']
  ]
  for (const [err, SdkError, status, code] of errors) {
    it(`throws ${SdkError.name} for ${code}`, async () => {
      await started()
      test.consumer.script = async function* () {
        yield ACCEPTED
        throw err
      }
      for (const stream of [false, true]) {
        await assert.rejects(client.chat.completions.create({ ...hello, stream }), (thrown: unknown) => {
          assert.ok(thrown instanceof SdkError)
          assert.equal(thrown.status, status)
          assert.equal(thrown.code, code)
          return true
        })
      }
    })
  }

  it('throws AuthenticationError for a wrong API key', async () => {
    await started({ apiKeys: ['right'] })
    await assert.rejects(client.models.list(), AuthenticationError)
  })

  it('throws what went wrong in mid-stream, after all that came before it', async () => {
    await started()
    test.consumer.script = async function* () {
      yield ACCEPTED
      for (let i = 0; i < 500; i++) yield content(`${i} `)
      throw new EngineFailedError('the engine broke')
    }
    for (let round = 0; round < 20; round++) {
      const stream = await client.chat.completions.create({ ...hello, stream: true })
      let chunks = 0
      await assert.rejects(
        async () => {
          for await (const chunk of stream) chunks += chunk.choices.length
        },
        (err: unknown) =>
          err instanceof APIError && !(err instanceof APIConnectionError) && err.code === 'engine_failed'
      )
      assert.equal(chunks, 500)
    }
  })

  it('tries again where that may help, and only there', async () => {
    await started({}, { maxRetries: 1 })
    test.consumer.script = async function* () {
      if (test.consumer.requests.length === 1) throw new NoProviderError(undefined, { retryAfterMs: 1 })
      yield ACCEPTED
      yield content('Hello')
      yield END
    }
    const completion = await client.chat.completions.create(hello)
    assert.equal(completion.choices[0]!.message.content, 'Hello')
    assert.equal(test.consumer.requests.length, 2)
    test.consumer.script = async function* () {
      throw new TypeError('a fault of ours')
    }
    await assert.rejects(client.chat.completions.create(hello), InternalServerError)
    assert.equal(test.consumer.requests.length, 3)
  })

  it('lists and retrieves models, with slashes and colons in their names', async () => {
    await started()
    test.consumer.listed = ['tiny:latest', 'hf.co/org/Model-GGUF:Q4_K_M', 'file.gguf'].map((id) => listed(id))
    const ids: string[] = []
    for await (const model of client.models.list()) ids.push(model.id)
    assert.deepEqual(ids, ['tiny:latest', 'hf.co/org/Model-GGUF:Q4_K_M', 'file.gguf'])
    for (const id of ids) assert.equal((await client.models.retrieve(id)).id, id)
    assert.equal((await client.models.retrieve('tiny')).id, 'tiny:latest')
    await assert.rejects(client.models.retrieve('tinny'), (err: unknown) => {
      assert.ok(err instanceof NotFoundError)
      assert.match(err.message, /did you mean 'tiny:latest'/)
      return true
    })
  })
})
