import assert from 'node:assert/strict'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import {
  APICallError,
  embedMany,
  generateText,
  Output,
  stepCountIs,
  streamText,
  tool,
  type LanguageModel
} from 'ai'
import { z } from 'zod'
import { BadRequestError, EngineFailedError } from '../../protocols/errors.ts'
import type { TestGateway } from '../support/gateway/gateway.ts'
import { answering, EMBEDDING, SCRIPTS } from '../support/gateway/scripts.ts'
import { ACCEPTED, aborted, content } from '../support/gateway/stub-consumer.ts'
import { startGateway } from './gateway.ts'

// It would print what it leaves out.
globalThis.AI_SDK_LOG_WARNINGS = false

/** A provider's model of one kind, for a gateway at an address. */
const MODELS: Record<string, (url: string) => LanguageModel> = {
  '@ai-sdk/openai-compatible': (baseURL) =>
    createOpenAICompatible({ name: 'lobstah', baseURL, supportsStructuredOutputs: true })('tiny'),
  '@ai-sdk/openai chat': (baseURL) => createOpenAI({ baseURL, apiKey: 'any' }).chat('tiny'),
  '@ai-sdk/openai responses': (baseURL) => createOpenAI({ baseURL, apiKey: 'any' }).responses('tiny')
}

/** Nothing is stored here, so that nothing may be referred to by its id. */
const providerOptions = { openai: { store: false } }

for (const [name, create] of Object.entries(MODELS)) {
  describe(`ai with ${name}`, () => {
    let test: TestGateway
    let model: LanguageModel

    beforeEach(async () => {
      test = await startGateway()
      model = create(`${test.http.url}/v1`)
    })

    afterEach(() => test.http.stop())

    it('chats', async () => {
      const { text, usage, finishReason } = await generateText({ model, prompt: 'hi', maxRetries: 0 })
      assert.equal(text, 'Hello')
      assert.equal(finishReason, 'stop')
      assert.equal(usage.outputTokens, 3)
    })

    it('streams', async () => {
      const { textStream } = streamText({ model, prompt: 'hi', maxRetries: 0 })
      assert.deepEqual(await Array.fromAsync(textStream), ['Hel', 'lo'])
    })

    it('calls tools and goes on', async () => {
      test.consumer.script = async function* (request, signal) {
        const answered = request.kind === 'chat' && request.messages.at(-1)?.role === 'tool'
        yield* (answered ? SCRIPTS.text! : SCRIPTS['tool calls']!)(request, signal)
      }
      const asked: unknown[] = []
      const { text } = await generateText({
        model,
        prompt: 'hi',
        maxRetries: 0,
        providerOptions,
        stopWhen: stepCountIs(2),
        tools: {
          weather: tool({
            inputSchema: z.object({ city: z.string() }),
            execute: (given) => {
              asked.push(given)
              return 'sun'
            }
          }),
          time: tool({ inputSchema: z.object({}), execute: () => 'noon' })
        }
      })
      assert.equal(text, 'Hello')
      assert.deepEqual(asked, [{ city: 'Rome' }])
      assert.equal(test.consumer.requests.length, 2)
    })

    it('has structured output', async () => {
      test.consumer.script = answering([{ content: '{"city":' }, { content: '"Rome"}' }])
      const { output } = await generateText({
        model,
        prompt: 'hi',
        maxRetries: 0,
        output: Output.object({ schema: z.object({ city: z.string() }) })
      })
      assert.deepEqual(output, { city: 'Rome' })
      const [request] = test.consumer.requests
      assert.ok(request?.kind === 'chat')
      assert.equal(request.response_format?.type, 'json_schema')
    })

    it('aborts', async () => {
      test.consumer.script = async function* (_, signal) {
        yield ACCEPTED
        yield content('x')
        await aborted(signal)
      }
      const controller = new AbortController()
      const { textStream } = streamText({
        model,
        prompt: 'hi',
        maxRetries: 0,
        abortSignal: controller.signal
      })
      for await (const text of textStream) if (text !== '') controller.abort()
      await test.consumer.aborted
    })

    it('throws what is refused, and does not try again', async () => {
      test.consumer.script = async function* () {
        yield* []
        throw new BadRequestError('no such stop', { param: 'stop' })
      }
      await assert.rejects(generateText({ model, prompt: 'hi' }), (err: unknown) => {
        assert.ok(APICallError.isInstance(err))
        assert.equal(err.statusCode, 400)
        assert.match(err.message, /no such stop/)
        return true
      })
      assert.equal(test.consumer.requests.length, 1)
    })

    it('tells what went wrong in mid-stream', async () => {
      test.consumer.script = async function* () {
        yield ACCEPTED
        yield content('half')
        throw new EngineFailedError('the engine broke')
      }
      const failures: unknown[] = []
      const { textStream } = streamText({
        model,
        prompt: 'hi',
        maxRetries: 0,
        onError: ({ error }) => void failures.push(error)
      })
      await Array.fromAsync(textStream).catch((err: unknown) => failures.push(err))
      assert.ok(failures.length > 0, 'a truncated answer is no success')
    })
  })
}

describe('ai, embedding', () => {
  it('embeds', async () => {
    const test = await startGateway()
    try {
      test.consumer.script = EMBEDDING
      const baseURL = `${test.http.url}/v1`
      for (const model of [
        createOpenAI({ baseURL, apiKey: 'any' }).embedding('tiny'),
        createOpenAICompatible({ name: 'lobstah', baseURL }).embeddingModel('tiny')
      ]) {
        const { embeddings } = await embedMany({ model, values: ['a', 'b'], maxRetries: 0 })
        assert.deepEqual(embeddings, [
          [0.5, -1],
          [0.25, 2]
        ])
      }
    } finally {
      await test.http.stop()
    }
  })
})
