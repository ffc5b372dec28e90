import assert from 'node:assert/strict'
import type { LanguageModel } from 'ai'
import { z } from 'zod'
import { BadRequestError, EngineFailedError } from '../../protocols/errors.ts'
import type { TestGateway } from '../support/gateway/gateway.ts'
import { answering, EMBEDDING, SCRIPTS } from '../support/gateway/scripts.ts'
import { ACCEPTED, aborted, content } from '../support/gateway/stub-consumer.ts'
import { AI_SDKS } from './ai-versions.ts'
import { startGateway } from './gateway.ts'

// It would print what it leaves out.
globalThis.AI_SDK_LOG_WARNINGS = false

/** Nothing is stored here, so that nothing may be referred to by its id. */
const providerOptions = {
  openai: { store: false },
  // By the name of a model that it does not know, it asks for a tool's arguments instead.
  anthropic: { structuredOutputMode: 'outputFormat' }
}

for (const [version, sdk] of Object.entries(AI_SDKS)) {
  const { APICallError, Output, embedMany, generateText, stepCountIs, streamText, tool } = sdk.ai
  for (const [name, create] of Object.entries(sdk.models)) {
    describe(`${version} with ${name}`, () => {
      let test: TestGateway
      let model: LanguageModel

      beforeEach(async () => {
        test = await startGateway()
        model = create(test.http.url)
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
          providerOptions,
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
          // The provider for Ollama looks for OpenAI's errors, which Ollama does not send either.
          const said = name === 'ollama-ai-provider-v2' ? (err.responseBody ?? '') : err.message
          assert.match(said, /no such stop/)
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

  describe(`${version}, embedding`, () => {
    it('embeds', async () => {
      const test = await startGateway()
      try {
        test.consumer.script = EMBEDDING
        const baseURL = `${test.http.url}/v1`
        for (const model of [
          sdk.createOpenAI({ baseURL, apiKey: 'any' }).embedding('tiny'),
          sdk.createOpenAICompatible({ name: 'lobstah', baseURL }).embeddingModel('tiny')
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
}
