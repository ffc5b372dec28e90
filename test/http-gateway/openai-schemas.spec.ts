import assert from 'node:assert/strict'
import type { LightMyRequestResponse } from 'fastify'
import { BadRequestError } from '../../protocols/errors.ts'
import type { Delta } from '../../protocols/inference/index.ts'
import { conforms } from '../support/gateway/check-schema.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import { answering, EMBEDDING, SCRIPTS } from '../support/gateway/scripts.ts'
import { readSse } from '../support/gateway/sse.ts'
import {
  chatCompletion,
  chatCompletionChunk,
  completion,
  completionChunk,
  embeddingList,
  errorEnvelope,
  modelList,
  modelObject
} from './schemas/openai.ts'
import { completedResponse, incompleteResponse, responseEvents } from './schemas/responses.ts'

const messages = [{ role: 'user', content: 'hi' }]
const functions = [{ name: 'weather', parameters: { type: 'object' } }]

describe("http-gateway, by the schemas of OpenAI's API", () => {
  let test: TestGateway

  beforeEach(() => {
    test = testGateway()
  })

  afterEach(async () => {
    await test.http.stop()
  })

  const post = async (path: string, payload: object): Promise<LightMyRequestResponse> => {
    const request = { model: 'tiny', ...payload }
    return test.http.inject({ method: 'POST', url: path, headers: { host: 'localhost' }, payload: request })
  }

  const events = async (path: string, payload: object): Promise<unknown[]> => {
    const { data } = readSse((await post(path, { ...payload, stream: true })).payload)
    assert.ok(data.length > 0)
    return data.filter((text) => text !== '[DONE]').map((text) => JSON.parse(text) as unknown)
  }

  for (const [name, script] of Object.entries(SCRIPTS)) {
    describe(name, () => {
      beforeEach(() => {
        test.consumer.script = script
      })

      for (const [how, fields] of [
        ['a chat', {}],
        ['a chat with usage', { stream_options: { include_usage: true } }],
        ['a chat of two choices', { n: 2 }],
        ['a chat with functions', { functions }]
      ] as const) {
        it(`in ${how}`, async () => {
          const body = { messages, ...fields }
          conforms(chatCompletion, (await post('/v1/chat/completions', body)).json())
          for (const chunk of await events('/v1/chat/completions', body)) conforms(chatCompletionChunk, chunk)
        })
      }

      it('in a completion', async () => {
        const body = { prompt: ['a', 'b'], echo: true, stream_options: { include_usage: true } }
        conforms(completion, (await post('/v1/completions', body)).json())
        for (const chunk of await events('/v1/completions', body)) conforms(completionChunk, chunk)
      })

      for (const summary of [undefined, 'auto']) {
        it(`in a response with ${summary === undefined ? 'reasoning' : 'a summary of it'}`, async () => {
          const body = {
            input: 'hi',
            reasoning: { summary },
            tools: functions.map((tool) => ({ type: 'function', ...tool }))
          }
          const incomplete = name === 'cut' || name === 'filtered'
          const schema = incomplete ? incompleteResponse : completedResponse
          conforms(schema, (await post('/v1/responses', body)).json())
          for (const event of await events('/v1/responses', body)) {
            const { type } = event as { type: string }
            assert.ok(responseEvents[type] !== undefined, type)
            conforms(responseEvents[type], event)
          }
        })
      }
    })
  }

  it('ends each function call of a response before the next begins, where the engine does', async () => {
    const call = (index: number, text: string, name?: string): Delta => ({
      toolCalls: [{ index, arguments: text, ...(name === undefined ? {} : { name }) }]
    })
    const order = async (deltas: Delta[]): Promise<string[]> => {
      test.consumer.script = answering(deltas, { finishReason: 'tool_calls' })
      const all = (await events('/v1/responses', { input: 'hi' })) as {
        type: string
        output_index?: number
      }[]
      return all.flatMap(({ type, output_index: index }) =>
        index === undefined ? [] : [`${index} ${type.replace(/^response\.(function_call_|output_)/, '')}`]
      )
    }
    const one = ['item.added', 'arguments.delta', 'arguments.done', 'item.done']
    const each = (index: number): string[] => one.map((type) => `${index} ${type}`)
    assert.deepEqual(await order([call(0, '{}', 'a'), call(1, '{}', 'b'), call(0, ' ')]), [
      ...each(0),
      ...each(1)
    ])
    assert.deepEqual(await order([call(0, '{', 'a'), call(1, '{}', 'b'), call(0, '}')]), [
      '0 item.added',
      '0 arguments.delta',
      '1 item.added',
      '1 arguments.delta',
      '0 arguments.delta',
      '0 arguments.done',
      '0 item.done',
      '1 arguments.done',
      '1 item.done'
    ])
  })

  it('embeddings, as numbers and as base64', async () => {
    test.consumer.script = EMBEDDING
    for (const encoding_format of [undefined, 'float', 'base64']) {
      const response = await post('/v1/embeddings', { input: ['a', 'b'], encoding_format })
      conforms(embeddingList, response.json())
    }
  })

  it('models', async () => {
    const get = async (url: string): Promise<unknown> =>
      (await test.http.inject({ url, headers: { host: 'localhost' } })).json()
    conforms(modelList, await get('/v1/models'))
    conforms(modelObject, await get('/v1/models/tiny'))
  })

  it('errors', async () => {
    test.consumer.script = async function* () {
      yield* []
      throw new BadRequestError('no', { param: 'stop' })
    }
    for (const [path, body] of [
      ['/v1/chat/completions', { messages }],
      ['/v1/chat/completions', {}],
      ['/v1/completions', { prompt: 'a' }],
      ['/v1/embeddings', { input: [1, 2] }],
      ['/v1/responses', { input: 'hi', previous_response_id: 'resp_1' }],
      ['/v1/nowhere', {}]
    ] as const) {
      const response = await post(path, body)
      assert.ok(response.statusCode >= 400)
      conforms(errorEnvelope, response.json())
    }
  })
})
