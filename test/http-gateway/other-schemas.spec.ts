import assert from 'node:assert/strict'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { BusyError } from '../../protocols/errors.ts'
import { conforms } from '../support/gateway/check-schema.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import { EMBEDDING, SCRIPTS } from '../support/gateway/scripts.ts'
import { readSse } from '../support/gateway/sse.ts'
import * as anthropic from './schemas/anthropic.ts'
import * as ollama from './schemas/ollama.ts'

const messages = [{ role: 'user', content: 'hi' }]

describe("http-gateway, by the schemas of Anthropic's and Ollama's APIs", () => {
  let test: TestGateway

  beforeEach(() => {
    test = testGateway()
  })

  afterEach(() => test.http.stop())

  const ask = (request: InjectOptions): Promise<LightMyRequestResponse> =>
    test.http.inject({ headers: { host: 'localhost' }, ...request })
  const post = (url: string, payload: object): Promise<LightMyRequestResponse> =>
    ask({ method: 'POST', url, payload: { model: 'tiny', ...payload } })

  for (const [name, script] of Object.entries(SCRIPTS)) {
    describe(name, () => {
      beforeEach(() => {
        test.consumer.script = script
      })

      it('in a message', async () => {
        const body = { messages, max_tokens: 9 }
        conforms(anthropic.message, (await post('/v1/messages', body)).json())
        const { data } = readSse((await post('/v1/messages', { ...body, stream: true })).payload)
        const events = data.map((text) => JSON.parse(text) as { type: string })
        assert.equal(events.at(-1)?.type, 'message_stop')
        for (const event of events) conforms(anthropic.messageEvents[event.type] ?? false, event)
      })

      for (const [kind, body] of [
        ['chat', { messages }],
        ['generate', { prompt: 'hi' }]
      ] as const) {
        it(`in ${kind}`, async () => {
          const { line, last, document } = ollama.answerOf(kind)
          conforms(document, (await post(`/api/${kind}`, { ...body, stream: false })).json())
          const lines = (await post(`/api/${kind}`, body)).payload.trimEnd().split('\n')
          for (const [place, text] of lines.entries())
            conforms(place === lines.length - 1 ? last : line, JSON.parse(text))
        })
      }
    })
  }

  it('counted tokens', async () => {
    conforms(anthropic.tokenCount, (await post('/v1/messages/count_tokens', { messages })).json())
  })

  it('embeddings', async () => {
    test.consumer.script = EMBEDDING
    conforms(ollama.embedded, (await post('/api/embed', { input: ['a', 'b'] })).json())
    for (const input of ['', [], null, undefined])
      assert.deepEqual((await post('/api/embed', { input })).json(), { model: 'tiny', embeddings: [] })
  })

  it('models', async () => {
    for (const [url, schema] of [
      ['/api/tags', ollama.tags],
      ['/api/ps', ollama.running],
      ['/api/version', ollama.version]
    ] as const)
      conforms(schema, (await ask({ url })).json())
    conforms(ollama.shown, (await post('/api/show', {})).json())
    for (const [kind, body] of [
      ['chat', { messages: [] }],
      ['generate', { prompt: '', keep_alive: 0 }]
    ] as const)
      conforms(ollama.answerOf(kind).load, (await post(`/api/${kind}`, body)).json())
  })

  it('errors, each with the id of its request', async () => {
    test.consumer.script = async function* () {
      yield* []
      throw new BusyError()
    }
    for (const [body, status] of [
      [{}, 400],
      [{ messages }, 400],
      [{ messages, max_tokens: 9, temperature: 1.5 }, 400],
      [{ messages: [{ role: 'user', content: [] }], max_tokens: 9 }, 400],
      [{ messages, max_tokens: 9 }, 429]
    ] as const) {
      const reply = await post('/v1/messages', body)
      assert.equal(reply.statusCode, status, reply.payload)
      conforms(anthropic.errorDocument, reply.json())
      const { request_id: named } = reply.json<{ request_id: string }>()
      assert.equal(reply.headers['request-id'], named)
    }
    for (const [url, body, status, message] of [
      ['/api/chat', { messages }, 429, /busy|taken/i],
      ['/api/chat', { model: 'none', messages: [] }, 404, /'none' was not found/],
      ['/api/generate', { model: 'none' }, 404, /'none' was not found/],
      ['/api/embed', { model: 'none' }, 404, /'none' was not found/],
      ['/api/show', { model: 'none' }, 404, /'none' was not found/],
      ['/api/show', { model: undefined }, 400, /^model is required$/],
      ['/api/show', { model: '' }, 400, /^model is required$/],
      ['/api/chat', { model: undefined, messages }, 400, /model/]
    ] as const) {
      const reply = await post(url, body)
      assert.equal(reply.statusCode, status, `${url} ${reply.payload}`)
      conforms(ollama.errorDocument, reply.json())
      assert.match(reply.json<{ error: string }>().error, message)
    }
  })
})
