import assert from 'node:assert/strict'
import type OpenAI from 'openai'
import { ContextLengthExceededError, EngineFailedError } from '../../protocols/errors.ts'
import type { TestGateway } from '../support/gateway/gateway.ts'
import { EMBEDDING, SCRIPTS } from '../support/gateway/scripts.ts'
import { ACCEPTED, aborted, content } from '../support/gateway/stub-consumer.ts'
import { startGateway } from './gateway.ts'
import { OPENAI_SDKS } from './versions.ts'

const input = 'hi'
const weather = {
  type: 'function',
  name: 'weather',
  strict: false,
  parameters: { type: 'object' }
} satisfies OpenAI.Responses.FunctionTool

for (const [name, sdk] of Object.entries(OPENAI_SDKS)) {
  describe(name, () => {
    let test: TestGateway
    let client: OpenAI

    beforeEach(async () => {
      test = await startGateway()
      client = new sdk.OpenAI({ baseURL: `${test.http.url}/v1`, apiKey: 'any', maxRetries: 0 })
    })

    afterEach(() => test.http.stop())

    it('embeds: it asks for base64 unasked, and decodes it', async () => {
      test.consumer.script = EMBEDDING
      for (const encoding of [undefined, 'float'] as const) {
        const { data, usage } = await client.embeddings.create({
          model: 'tiny',
          input: ['a', 'b'],
          dimensions: 2,
          ...(encoding === undefined ? {} : { encoding_format: encoding })
        })
        assert.deepEqual(
          data.map(({ embedding }) => [...embedding]),
          [
            [0.5, -1],
            [0.25, 2]
          ]
        )
        assert.equal(usage.prompt_tokens, 5)
      }
      assert.deepEqual(test.consumer.requests[0], {
        kind: 'embedding',
        model: 'tiny',
        input: ['a', 'b'],
        dimensions: 2
      })
      await assert.rejects(client.embeddings.create({ model: 'tiny', input: [1, 2] }), { param: 'input' })
    })

    it('completes', async () => {
      const body = { model: 'tiny', prompt: ['a', 'b'], n: 2, echo: true, seed: 1 }
      const { choices, usage } = await client.completions.create(body)
      assert.deepEqual(
        choices.map(({ text }) => text),
        ['aHello', 'aHello', 'bHello', 'bHello']
      )
      assert.equal(usage!.completion_tokens, 12)
      const texts = ['', '', '', '']
      for await (const chunk of await client.completions.create({ ...body, stream: true })) {
        for (const { index, text } of chunk.choices) texts[index] += text
      }
      assert.deepEqual(texts, ['aHello', 'aHello', 'bHello', 'bHello'])
      assert.deepEqual(
        test.consumer.requests
          .slice(0, 4)
          .map((request) => (request.kind === 'completion' ? request.seed : 0)),
        [1, 2, 1, 2]
      )
    })

    it('makes several choices', async () => {
      const messages = [{ role: 'user' as const, content: 'hi' }]
      const { choices } = await client.chat.completions.create({ model: 'tiny', messages, n: 3 })
      assert.deepEqual(
        choices.map(({ message }) => message.content),
        ['Hello', 'Hello', 'Hello']
      )
      const stream = client.chat.completions.stream({ model: 'tiny', messages, n: 2 })
      assert.equal((await stream.finalChatCompletion()).choices.length, 2)
    })

    it('makes responses', async () => {
      const response = await client.responses.create({ model: 'tiny', input, instructions: 'Be kind.' })
      assert.equal(response.output_text, 'Hello')
      assert.equal(response.status, 'completed')
      assert.deepEqual(test.consumer.requests[0], {
        kind: 'chat',
        model: 'tiny',
        messages: [
          { role: 'system', content: 'Be kind.' },
          { role: 'user', content: 'hi' }
        ]
      })
    })

    it('streams responses', async () => {
      test.consumer.script = SCRIPTS['tool calls']!
      const stream = client.responses.stream({ model: 'tiny', input, tools: [weather] })
      const numbers: number[] = []
      stream.on('event', (event) => numbers.push(event.sequence_number))
      const response = await stream.finalResponse()
      assert.deepEqual(
        numbers,
        numbers.map((_, place) => place)
      )
      assert.equal(response.output_text, 'I look.')
      assert.deepEqual(
        response.output.flatMap((item) =>
          item.type === 'function_call' ? [[item.name, item.arguments]] : []
        ),
        [
          ['weather', '{"city":"Rome"}'],
          ['time', '{}']
        ]
      )
    })

    it('goes on from its own output', async () => {
      test.consumer.script = SCRIPTS['tool calls']!
      const tools = [weather, { type: 'web_search' as const }]
      const first = await client.responses.create({ model: 'tiny', input, tools })
      test.consumer.script = SCRIPTS.text!
      await client.responses.create({
        model: 'tiny',
        tools,
        input: [
          { role: 'developer', content: 'Be kind.' },
          { role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
          ...(first.output as OpenAI.Responses.ResponseInputItem[]),
          { type: 'function_call_output', call_id: 'call_a', output: 'sun' }
        ]
      })
      const request = test.consumer.requests[1]
      assert.ok(request?.kind === 'chat')
      const [system, user, assistant, tool, ...rest] = request.messages
      assert.deepEqual(rest, [])
      assert.deepEqual(
        [system, user],
        [
          { role: 'system', content: 'Be kind.' },
          { role: 'user', content: 'hi' }
        ]
      )
      assert.ok(assistant?.role === 'assistant')
      assert.equal(assistant.reasoning_content, 'hm')
      assert.equal(assistant.content, 'I look.')
      assert.deepEqual(
        assistant.tool_calls?.map((call) => call.function.name),
        ['weather', 'time']
      )
      assert.deepEqual(tool, { role: 'tool', content: 'sun', tool_call_id: 'call_a' })
      assert.equal(request.tools?.length, 1)
    })

    it('parses a response by its schema', async () => {
      test.consumer.script = async function* () {
        yield* SCRIPTS.nothing!(test.consumer.requests[0]!, new AbortController().signal)
      }
      const schema = { type: 'object', properties: {} }
      await client.responses.create({
        model: 'tiny',
        input,
        reasoning: { effort: 'low' },
        max_output_tokens: 32,
        text: { format: { type: 'json_schema', name: 'city', schema, strict: true } }
      })
      assert.deepEqual(test.consumer.requests[0], {
        kind: 'chat',
        model: 'tiny',
        messages: [{ role: 'user', content: 'hi' }],
        max_tokens: 32,
        reasoning_effort: 'low',
        response_format: { type: 'json_schema', json_schema: { name: 'city', schema, strict: true } }
      })
    })

    it('aborts a response', async () => {
      test.consumer.script = async function* (_, signal) {
        yield ACCEPTED
        yield content('x')
        await aborted(signal)
      }
      const stream = await client.responses.create({ model: 'tiny', input, stream: true })
      for await (const event of stream) if (event.type === 'response.output_text.delta') break
      await test.consumer.aborted
    })

    it('throws what went wrong, and where', async () => {
      await assert.rejects(
        client.responses.create({ model: 'tiny', input, previous_response_id: 'resp_1' }),
        {
          status: 400,
          param: 'previous_response_id'
        }
      )
      test.consumer.script = async function* () {
        yield* []
        throw new ContextLengthExceededError()
      }
      await assert.rejects(client.responses.create({ model: 'tiny', input }), (err: unknown) => {
        assert.ok(err instanceof sdk.BadRequestError)
        assert.equal(err.code, 'context_length_exceeded')
        return true
      })
      test.consumer.script = async function* () {
        yield ACCEPTED
        yield content('half')
        throw new EngineFailedError('the engine broke')
      }
      const events: string[] = []
      await assert.rejects(
        async () => {
          for await (const { type } of await client.responses.create({
            model: 'tiny',
            input,
            stream: true
          })) {
            events.push(type)
          }
        },
        (err: unknown) => err instanceof sdk.APIError && err.code === 'engine_failed'
      )
      assert.equal(events.at(-1), 'response.output_text.delta')
    })
  })
}
