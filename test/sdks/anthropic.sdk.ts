import assert from 'node:assert/strict'
import type Anthropic from '@anthropic-ai/sdk'
import { BusyError, EngineFailedError, ModelNotFoundError } from '../../protocols/errors.ts'
import type { TestGateway } from '../support/gateway/gateway.ts'
import { SCRIPTS } from '../support/gateway/scripts.ts'
import { ACCEPTED, aborted, content, listed } from '../support/gateway/stub-consumer.ts'
import { startGateway } from './gateway.ts'
import { ANTHROPIC_SDKS } from './versions.ts'

const hello: Anthropic.MessageCreateParamsNonStreaming = {
  model: 'tiny',
  max_tokens: 64,
  messages: [{ role: 'user', content: 'hi' }]
}

for (const [name, sdk] of Object.entries(ANTHROPIC_SDKS)) {
  describe(name, () => {
    let test: TestGateway
    let client: Anthropic

    beforeEach(async () => {
      test = await startGateway()
      client = new sdk.Anthropic({ baseURL: test.http.url, apiKey: 'any', maxRetries: 0 })
    })

    afterEach(() => test.http.stop())

    it('chats', async () => {
      const message = await client.messages.create({ ...hello, system: 'Be kind.' })
      assert.deepEqual(
        message.content.map((block) => (block.type === 'text' ? block.text : block.type)),
        ['Hello']
      )
      assert.equal(message.stop_reason, 'end_turn')
      assert.equal(message.usage.input_tokens, 5)
      assert.equal(message.usage.cache_read_input_tokens, 2)
      assert.match(message._request_id ?? '', /^req_/)
      assert.deepEqual(test.consumer.requests[0], {
        kind: 'chat',
        model: 'tiny',
        max_tokens: 64,
        messages: [
          { role: 'system', content: 'Be kind.' },
          { role: 'user', content: 'hi' }
        ]
      })
    })

    it('lists the models, and describes one', async () => {
      test.consumer.listed = [listed('big:70b', { contextLength: 131_072 }), listed('odd/name:1b')]
      const seen: Anthropic.ModelInfo[] = []
      for await (const model of client.models.list({ limit: 1 })) seen.push(model)
      assert.deepEqual(
        seen.map(({ id, type, display_name: name, max_input_tokens: context }) => [id, type, name, context]),
        [
          ['big:70b', 'model', 'big:70b', 131_072],
          ['odd/name:1b', 'model', 'odd/name:1b', 8192]
        ]
      )
      assert.equal((await client.models.retrieve('odd/name:1b')).id, 'odd/name:1b')
      await assert.rejects(client.models.retrieve('none'), sdk.NotFoundError)
    })

    it('streams thinking, text and tools', async () => {
      test.consumer.script = SCRIPTS['tool calls']!
      const thoughts: string[] = []
      const stream = client.messages.stream(hello).on('thinking', (delta) => thoughts.push(delta))
      const message = await stream.finalMessage()
      assert.equal(thoughts.join(''), 'hm')
      assert.deepEqual(
        message.content.map(({ type }) => type),
        ['thinking', 'text', 'tool_use', 'tool_use']
      )
      assert.deepEqual(
        message.content.flatMap((block) => (block.type === 'tool_use' ? [[block.name, block.input]] : [])),
        [
          ['weather', { city: 'Rome' }],
          ['time', {}]
        ]
      )
      assert.equal(message.stop_reason, 'tool_use')
      assert.equal(message.usage.output_tokens, 3)
    })

    it('gives tools, and their results', async () => {
      await client.messages.create({
        ...hello,
        tools: [{ name: 'weather', input_schema: { type: 'object' } }],
        tool_choice: { type: 'tool', name: 'weather', disable_parallel_tool_use: true },
        messages: [
          ...hello.messages,
          { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'weather', input: { a: 1 } }] },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: 'sun' }] }
        ]
      })
      const [request] = test.consumer.requests
      assert.ok(request?.kind === 'chat')
      assert.deepEqual(request.messages.slice(1), [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 't1', type: 'function', function: { name: 'weather', arguments: '{"a":1}' } }]
        },
        { role: 'tool', content: 'sun', tool_call_id: 't1' }
      ])
      assert.equal(request.parallel_tool_calls, false)
      assert.deepEqual(request.tool_choice, { type: 'function', function: { name: 'weather' } })
    })

    it('asks for structured output', async () => {
      const schema = { type: 'object', properties: {}, additionalProperties: false }
      await client.messages.create({ ...hello, output_config: { format: { type: 'json_schema', schema } } })
      const [request] = test.consumer.requests
      assert.ok(request?.kind === 'chat')
      assert.deepEqual(request.response_format, {
        type: 'json_schema',
        json_schema: { name: 'output', schema }
      })
    })

    it('counts tokens, about', async () => {
      const { input_tokens: few } = await client.messages.countTokens({ ...hello })
      const { input_tokens: many } = await client.messages.countTokens({
        ...hello,
        messages: [{ role: 'user', content: 'word '.repeat(1000) }]
      })
      assert.ok(few > 0 && many > 900 && many < 2000)
      assert.equal(test.consumer.requests.length, 0)
    })

    it('aborts', async () => {
      test.consumer.script = async function* (_, signal) {
        yield ACCEPTED
        yield content('x')
        await aborted(signal)
      }
      const stream = await client.messages.create({ ...hello, stream: true })
      for await (const event of stream) if (event.type === 'content_block_delta') break
      await test.consumer.aborted
    })

    it('throws errors of its own classes', async () => {
      const failing = (err: Error): void => {
        test.consumer.script = async function* () {
          yield* []
          throw err
        }
      }
      failing(new BusyError())
      await assert.rejects(client.messages.create(hello), sdk.RateLimitError)
      failing(new ModelNotFoundError())
      await assert.rejects(client.messages.create(hello), (err: unknown) => {
        assert.ok(err instanceof sdk.NotFoundError)
        assert.equal(err.type, 'not_found_error')
        return true
      })
    })

    it('throws what went wrong in mid-stream', async () => {
      test.consumer.script = async function* () {
        yield ACCEPTED
        yield content('half')
        throw new EngineFailedError('the engine broke')
      }
      await assert.rejects(client.messages.stream(hello).finalMessage(), (err: unknown) => {
        assert.ok(err instanceof sdk.APIError)
        assert.match(err.message, /the engine broke/)
        return true
      })
    })
  })
}
