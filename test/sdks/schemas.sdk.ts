import assert from 'node:assert/strict'
import {
  BadRequestError,
  BusyError,
  ContextLengthExceededError,
  CreditExhaustedError,
  DeadlineError,
  EngineFailedError,
  InternalError,
  ModelNotFoundError,
  NoProviderError,
  NotAllowedError
} from '../../protocols/errors.ts'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import { answering, EMBEDDING, SCRIPTS } from '../support/gateway/scripts.ts'
import { readSse } from '../support/gateway/sse.ts'
import { ACCEPTED, content, listed, type Script } from '../support/gateway/stub-consumer.ts'
import { SDK_VERSIONS, WireSchemas, type WireName } from './wire-schemas.ts'

const BODY_LIMIT = 4096

const messages = [{ role: 'user', content: 'hi' }]
const hello = { max_tokens: 64, messages }
const weather = { name: 'weather', parameters: { type: 'object' } }
const tool = { type: 'function', ...weather, strict: false }
const city = { name: 'city', schema: { type: 'object', properties: {} }, strict: true }

const ANSWERS: Record<string, Script> = {
  ...SCRIPTS,
  'one tool call': answering(
    [{ toolCalls: [{ index: 0, id: 'call_a', name: 'weather', arguments: '{}' }] }],
    {
      finishReason: 'tool_calls'
    }
  )
}

const CHATS = {
  plain: {},
  usage: { stream_options: { include_usage: true } },
  'two choices': { n: 2, stream_options: { include_usage: true } },
  tools: { tools: [{ type: 'function', function: weather }], parallel_tool_calls: true },
  'a JSON schema': { response_format: { type: 'json_schema', json_schema: city } },
  logprobs: { logprobs: true, top_logprobs: 1 },
  effort: { reasoning_effort: 'low' }
}

const RESPONSES = {
  plain: {},
  tools: { tools: [tool] },
  'a tool choice': { tools: [tool], tool_choice: { type: 'function', name: 'weather' } },
  'a summary': { instructions: 'Be kind.', reasoning: { effort: 'low', summary: 'auto' } },
  'a JSON schema': { text: { format: { type: 'json_schema', ...city } }, metadata: { a: 'b' } }
}

/** For each route a body, what its errors are, what its streams hold, and what ends one that fails. */
const ROUTES: Record<string, { body: object; error: WireName; part?: WireName; last?: WireName }> = {
  '/v1/chat/completions': { body: { messages }, error: 'OpenAIWire.error', part: 'OpenAIWire.chunk' },
  '/v1/completions': { body: { prompt: 'a' }, error: 'OpenAIWire.error', part: 'OpenAIWire.completionChunk' },
  '/v1/responses': {
    body: { input: 'hi' },
    error: 'OpenAIWire.error',
    part: 'OpenAIWire.event',
    last: 'OpenAIWire.event'
  },
  '/v1/messages': { body: hello, error: 'AnthropicWire.error', part: 'AnthropicWire.event' },
  '/v1/embeddings': { body: { input: 'a' }, error: 'OpenAIWire.error' }
}

const failing = (err: Error, ...first: string[]): Script =>
  async function* () {
    yield ACCEPTED
    for (const text of first) yield content(text)
    throw err
  }

const parse = (sse: string): unknown[] =>
  readSse(sse)
    .data.filter((text) => text !== '[DONE]')
    .map((text) => JSON.parse(text) as unknown)

for (const version of SDK_VERSIONS) {
  describe(`the gateway, by the types of OpenAI's and Anthropic's SDKs: ${version}`, () => {
    let schemas: WireSchemas
    let test: TestGateway

    before(function () {
      this.timeout(120_000)
      schemas = new WireSchemas(version)
    })

    beforeEach(() => {
      test = testGateway({ bodyLimit: BODY_LIMIT })
      test.consumer.listed = [listed('tiny:latest', { capabilities: ['chat', 'tools', 'embedding'] })]
    })

    afterEach(() => test.http.stop())

    const ask = (url: string, request: InjectOptions = {}): Promise<LightMyRequestResponse> =>
      test.http.inject({ url, ...request, headers: { host: 'localhost', ...request.headers } })

    const post = (url: string, body: object): Promise<LightMyRequestResponse> =>
      ask(url, { method: 'POST', payload: { model: 'tiny', ...body } })

    const answer = async (url: string, body?: object): Promise<unknown> => {
      const response = await (body === undefined ? ask(url) : post(url, body))
      assert.equal(response.statusCode, 200, response.payload)
      return response.json()
    }

    const stream = async (url: string, body: object): Promise<unknown[]> => {
      const response = await post(url, { ...body, stream: true })
      assert.match(String(response.headers['content-type']), /^text\/event-stream/)
      const events = parse(response.payload)
      assert.ok(events.length > 1)
      return events
    }

    /** Asks once whole and once as a stream, and holds both against the types. */
    const both = async (url: string, body: object, whole: WireName, part: WireName): Promise<void> => {
      schemas.conforms(whole, await answer(url, body))
      for (const event of await stream(url, body)) schemas.conforms(part, event)
    }

    for (const [name, script] of Object.entries(ANSWERS)) {
      describe(name, () => {
        beforeEach(() => {
          test.consumer.script = script
        })

        for (const [how, fields] of Object.entries(CHATS)) {
          it(`in a chat: ${how}`, async () => {
            await both('/v1/chat/completions', { messages, ...fields }, 'OpenAIWire.chat', 'OpenAIWire.chunk')
          })
        }

        for (const [how, fields] of Object.entries(RESPONSES)) {
          it(`in a response: ${how}`, async () => {
            await both('/v1/responses', { input: 'hi', ...fields }, 'OpenAIWire.response', 'OpenAIWire.event')
          })
        }

        it('in a completion', async () => {
          const body = { prompt: ['a', 'b'], n: 2, echo: true, stream_options: { include_usage: true } }
          await both('/v1/completions', body, 'OpenAIWire.completion', 'OpenAIWire.completionChunk')
        })

        it('in a message', async () => {
          const body = { ...hello, tools: [{ name: 'weather', input_schema: { type: 'object' } }] }
          await both('/v1/messages', body, 'AnthropicWire.message', 'AnthropicWire.event')
        })
      })
    }

    it('embeddings, as numbers and as base64', async () => {
      test.consumer.script = EMBEDDING
      for (const encoding_format of [undefined, 'float', 'base64']) {
        const embeddings = await answer('/v1/embeddings', { input: ['a', 'b'], encoding_format })
        schemas.conforms('OpenAIWire.embeddings', embeddings)
      }
    })

    it('models', async () => {
      schemas.conforms('OpenAIWire.models', await answer('/v1/models'))
      schemas.conforms('OpenAIWire.model', await answer('/v1/models/tiny:latest'))
      const headers = { 'anthropic-version': '2026-10-21' }
      schemas.conforms('AnthropicWire.models', (await ask('/v1/models', { headers })).json())
      schemas.conforms('AnthropicWire.model', (await ask('/v1/models/tiny:latest', { headers })).json())
    })

    describe('an engine that fails in mid-stream', () => {
      /** The part of a stream that arrives before the gateway breaks the connection, so that nobody takes it as complete. */
      const untilCut = async (path: string, body: object): Promise<unknown[]> => {
        await test.http.start()
        const { body: bytes } = await fetch(`${test.http.url}${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model: 'tiny', stream: true, ...body })
        })
        const parts: Uint8Array[] = []
        await assert.rejects(async () => {
          for await (const part of bytes as AsyncIterable<Uint8Array>) parts.push(part)
        })
        return parse(Buffer.concat(parts).toString())
      }

      for (const [path, { body, part, error, last }] of Object.entries(ROUTES)) {
        if (part === undefined) continue
        it(path, async () => {
          test.consumer.script = failing(new EngineFailedError('the engine broke'), 'half')
          const events = await untilCut(path, body)
          const end = events.pop()
          assert.match(JSON.stringify(end), /"the engine broke"/)
          if (last !== undefined) assert.equal((end as { type: string }).type, 'response.failed')
          schemas.conforms(last ?? error, end)
          assert.ok(events.length > 0)
          for (const event of events) schemas.conforms(part, event)
        })
      }
    })

    describe('errors', () => {
      for (const [path, { body, part, error }] of Object.entries(ROUTES)) {
        it(path, async () => {
          const fails = async (status: number, response: LightMyRequestResponse): Promise<void> => {
            assert.equal(response.statusCode, status, response.payload)
            schemas.conforms(error, response.json())
          }
          for (const [status, err] of [
            [400, new BadRequestError('no', { param: 'stop' })],
            [400, new ContextLengthExceededError()],
            [402, new CreditExhaustedError()],
            [403, new NotAllowedError()],
            [404, new ModelNotFoundError()],
            [429, new BusyError()],
            [500, new InternalError()],
            [503, new NoProviderError()],
            [504, new DeadlineError()]
          ] as const) {
            test.consumer.script = failing(err)
            await fails(status, await post(path, body))
            if (part !== undefined) await fails(status, await post(path, { ...body, stream: true }))
          }
          await fails(400, await post(path, { model: 1 }))
          await fails(404, await post(`${path}/nowhere`, body))
          await fails(403, await ask(path, { method: 'POST', headers: { origin: 'https://evil.example' } }))
          await fails(405, await ask(path))
          await fails(413, await post(path, { ...body, user: 'x'.repeat(BODY_LIMIT) }))
          const text = { 'content-type': 'text/plain' }
          await fails(415, await ask(path, { method: 'POST', headers: text, payload: 'hi' }))
          await test.http.stop()
          test = testGateway({ apiKeys: ['key'] })
          await fails(401, await post(path, body))
        })
      }
    })

    it('refuses what is broken', async () => {
      const refuses = (name: WireName, document: unknown, found: string, put: string): void => {
        schemas.conforms(name, document)
        const text = JSON.stringify(document)
        assert.ok(text.includes(found), text)
        assert.ok(schemas.broken(name, JSON.parse(text.replace(found, put))) !== undefined, `${name}: ${put}`)
      }
      const chunks = await stream('/v1/chat/completions', { messages })
      refuses('OpenAIWire.chunk', chunks[0], ',"finish_reason":null', '')
      refuses('OpenAIWire.chunk', chunks[0], '"choices":', '"choices":"none","was":')
      refuses('OpenAIWire.chunk', chunks.at(-1), '"finish_reason":"stop"', '"finish_reason":"done"')
      const chat = await answer('/v1/chat/completions', { messages })
      refuses('OpenAIWire.chat', chat, '"refusal":null', '"was":null')
      const response = await answer('/v1/responses', { input: 'hi' })
      refuses('OpenAIWire.response', response, '"annotations":', '"was":')
      refuses('OpenAIWire.response', response, '"type":"output_text"', '"type":"text"')
      const events = await stream('/v1/responses', { input: 'hi' })
      refuses('OpenAIWire.event', events[0], '"response.created"', '"response.begun"')
      refuses('OpenAIWire.event', events[1], '"sequence_number":1', '"sequence_number":"1"')
      refuses('OpenAIWire.event', events.at(-1), '"total_tokens":', '"was":')
      refuses('OpenAIWire.models', await answer('/v1/models'), '"object":"model"', '"object":"engine"')
      refuses('AnthropicWire.message', await answer('/v1/messages', hello), '"type":"text"', '"type":"words"')
      refuses('OpenAIWire.error', (await ask('/v1/nowhere')).json(), '"param":', '"was":')
      test.consumer.script = EMBEDDING
      const embeddings = await answer('/v1/embeddings', { input: 'a' })
      refuses('OpenAIWire.embeddings', embeddings, '"embedding":[', '"embedding":["0",')
    })
  })
}
