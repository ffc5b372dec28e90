import assert from 'node:assert/strict'
import { HumanMessage, type AIMessageChunk } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { z } from 'zod'
import { BadRequestError, EngineFailedError } from '../../protocols/errors.ts'
import type { TestGateway } from '../support/gateway/gateway.ts'
import { answering, EMBEDDING, SCRIPTS } from '../support/gateway/scripts.ts'
import { ACCEPTED, aborted, content } from '../support/gateway/stub-consumer.ts'
import { startGateway } from './gateway.ts'

const weather = tool(() => 'sun', { name: 'weather', schema: z.object({ city: z.string() }) })

for (const useResponsesApi of [false, true]) {
  describe(`@langchain/openai with ${useResponsesApi ? 'responses' : 'chat completions'}`, () => {
    let test: TestGateway
    let model: ChatOpenAI

    beforeEach(async () => {
      test = await startGateway()
      model = new ChatOpenAI({
        model: 'tiny',
        apiKey: 'any',
        maxRetries: 0,
        useResponsesApi,
        configuration: { baseURL: `${test.http.url}/v1` }
      })
    })

    afterEach(() => test.http.stop())

    it('chats', async () => {
      const answer = await model.invoke([new HumanMessage('hi')])
      assert.equal(answer.text, 'Hello')
      assert.equal(answer.usage_metadata?.output_tokens, 3)
    })

    it('streams', async () => {
      let all: AIMessageChunk | undefined
      for await (const chunk of await model.stream('hi')) all = all === undefined ? chunk : all.concat(chunk)
      assert.equal(all?.text, 'Hello')
    })

    it('calls tools', async () => {
      test.consumer.script = SCRIPTS['tool calls']!
      const answer = await model.bindTools([weather]).invoke('hi')
      assert.deepEqual(
        answer.tool_calls?.map(({ name, args }) => [name, args]),
        [
          ['weather', { city: 'Rome' }],
          ['time', {}]
        ]
      )
    })

    it('has structured output', async () => {
      test.consumer.script = answering([{ content: '{"city":"Rome"}' }])
      const schema = z.object({ city: z.string() })
      const structured = model.withStructuredOutput(schema, { method: 'jsonSchema', name: 'city' })
      assert.deepEqual(await structured.invoke('hi'), { city: 'Rome' })
    })

    it('aborts', async () => {
      test.consumer.script = async function* (_, signal) {
        yield ACCEPTED
        yield content('x')
        await aborted(signal)
      }
      const controller = new AbortController()
      const failed = assert.rejects(async () => {
        for await (const chunk of await model.stream('hi', { signal: controller.signal })) {
          if (chunk.text !== '') controller.abort()
        }
      })
      await test.consumer.aborted
      await failed
    })

    it('throws what went wrong', async () => {
      test.consumer.script = async function* () {
        yield* []
        throw new BadRequestError('no such stop', { param: 'stop' })
      }
      await assert.rejects(model.invoke('hi'), { status: 400 })
      test.consumer.script = async function* () {
        yield ACCEPTED
        yield content('half')
        throw new EngineFailedError('the engine broke')
      }
      await assert.rejects(async () => {
        for await (const chunk of await model.stream('hi')) assert.ok(chunk.text !== 'whole')
      }, /the engine broke/)
    })
  })
}

describe('@langchain/openai, embedding', () => {
  it('embeds', async () => {
    const test = await startGateway()
    try {
      test.consumer.script = EMBEDDING
      const embeddings = new OpenAIEmbeddings({
        model: 'tiny',
        apiKey: 'any',
        maxRetries: 0,
        configuration: { baseURL: `${test.http.url}/v1` }
      })
      assert.deepEqual(await embeddings.embedDocuments(['a', 'b']), [
        [0.5, -1],
        [0.25, 2]
      ])
    } finally {
      await test.http.stop()
    }
  })
})
