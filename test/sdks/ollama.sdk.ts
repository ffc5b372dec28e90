import assert from 'node:assert/strict'
import { Ollama, type ChatResponse } from 'ollama'
import { EngineFailedError, ModelNotFoundError } from '../../protocols/errors.ts'
import type { TestGateway } from '../support/gateway/gateway.ts'
import { EMBEDDING, SCRIPTS } from '../support/gateway/scripts.ts'
import { ACCEPTED, RECEIPT, aborted, content } from '../support/gateway/stub-consumer.ts'
import { startGateway } from './gateway.ts'

const hello = { model: 'tiny', messages: [{ role: 'user', content: 'hi' }] }
const PNG = 'iVBORw0KGgo='

describe('ollama', () => {
  let test: TestGateway
  let client: Ollama

  beforeEach(async () => {
    test = await startGateway()
    client = new Ollama({ host: test.http.url })
  })

  afterEach(() => test.http.stop())

  it('chats', async () => {
    const answer = await client.chat({
      ...hello,
      format: 'json',
      think: 'low',
      options: { seed: 7, num_predict: 5, temperature: 0, stop: ['END'], num_ctx: 1 }
    })
    assert.equal(answer.message.content, 'Hello')
    assert.equal(answer.done_reason, 'stop')
    assert.equal(answer.eval_count, 3)
    assert.deepEqual(test.consumer.requests[0], {
      kind: 'chat',
      ...hello,
      seed: 7,
      max_tokens: 5,
      temperature: 0,
      stop: ['END'],
      reasoning_effort: 'low',
      response_format: { type: 'json_object' }
    })
  })

  it('streams thinking, text and tools', async () => {
    test.consumer.script = SCRIPTS['tool calls']!
    const lines: ChatResponse[] = []
    for await (const line of await client.chat({ ...hello, stream: true })) lines.push(line)
    assert.equal(lines.map(({ message }) => message.thinking ?? '').join(''), 'hm')
    assert.equal(lines.map(({ message }) => message.content).join(''), 'I look.')
    const calls = lines.flatMap(({ message }) => message.tool_calls ?? [])
    assert.deepEqual(
      calls.map((call) => [call.function.name, call.function.arguments]),
      [
        ['weather', { city: 'Rome' }],
        ['time', {}]
      ]
    )
    assert.deepEqual(
      lines.map(({ done }) => done),
      lines.map((_, place) => place === lines.length - 1)
    )
    assert.deepEqual((lines.at(-1) as unknown as { lobstah_receipt: unknown }).lobstah_receipt, RECEIPT)
  })

  it('gives tools, their results, and images', async () => {
    const call = { function: { name: 'weather', arguments: { city: 'Rome' } } }
    await client.chat({
      model: 'tiny',
      tools: [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }],
      messages: [
        { role: 'user', content: 'see', images: [PNG] },
        { role: 'assistant', content: '', tool_calls: [call, call] },
        { role: 'tool', content: 'sun', tool_name: 'weather' },
        { role: 'tool', content: 'rain', tool_name: 'weather' }
      ]
    })
    const [request] = test.consumer.requests
    assert.ok(request?.kind === 'chat')
    const [user, assistant, ...results] = request.messages
    assert.ok(user?.role === 'user' && assistant?.role === 'assistant')
    assert.deepEqual(user.content, [
      { type: 'text', text: 'see' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }
    ])
    const ids = assistant.tool_calls!.map(({ id }) => id)
    assert.equal(new Set(ids).size, 2)
    assert.deepEqual(results, [
      { role: 'tool', content: 'sun', tool_call_id: ids[0] },
      { role: 'tool', content: 'rain', tool_call_id: ids[1] }
    ])
  })

  it('generates, in the template, raw, and around a gap', async () => {
    const answer = await client.generate({ model: 'tiny', prompt: 'hi', system: 'Be kind.' })
    assert.equal(answer.response, 'Hello')
    let text = ''
    for await (const line of await client.generate({ model: 'tiny', prompt: 'a', raw: true, stream: true })) {
      text += line.response
    }
    assert.equal(text, 'Hello')
    await client.generate({ model: 'tiny', prompt: 'a', suffix: 'c' })
    const loaded = await client.generate({ model: 'tiny', prompt: '' })
    assert.equal(loaded.done_reason, 'load')
    assert.deepEqual(test.consumer.requests, [
      {
        kind: 'chat',
        model: 'tiny',
        messages: [
          { role: 'system', content: 'Be kind.' },
          { role: 'user', content: 'hi' }
        ]
      },
      { kind: 'completion', model: 'tiny', prompt: 'a' },
      { kind: 'completion', model: 'tiny', prompt: 'a', suffix: 'c' }
    ])
  })

  it('asks for structured output', async () => {
    const schema = { type: 'object', properties: { city: { type: 'string' } } }
    await client.chat({ ...hello, format: schema })
    const [request] = test.consumer.requests
    assert.ok(request?.kind === 'chat')
    assert.deepEqual(request.response_format, {
      type: 'json_schema',
      json_schema: { name: 'output', schema }
    })
  })

  it('embeds', async () => {
    test.consumer.script = EMBEDDING
    const { embeddings, prompt_eval_count: tokens } = await client.embed({ model: 'tiny', input: ['a', 'b'] })
    assert.deepEqual(embeddings, [
      [0.5, -1],
      [0.25, 2]
    ])
    assert.equal(tokens, 5)
    const { embedding } = await client.embeddings({ model: 'tiny', prompt: 'a' })
    assert.deepEqual(embedding, [0.5, -1])
  })

  it('lists and shows models', async () => {
    assert.deepEqual(
      (await client.list()).models.map(({ name }) => name),
      ['tiny:latest']
    )
    assert.equal((await client.ps()).models.length, 1)
    const shown = await client.show({ model: 'tiny' })
    assert.deepEqual(shown.capabilities, ['completion', 'tools', 'embedding'])
    assert.match((await client.version()).version, /^\d+\.\d+\.\d+$/)
    await assert.rejects(client.show({ model: 'none' }), { name: 'ResponseError', status_code: 404 })
  })

  it('aborts', async () => {
    test.consumer.script = async function* (_, signal) {
      yield ACCEPTED
      yield content('x')
      await aborted(signal)
    }
    const stream = await client.chat({ ...hello, stream: true })
    await stream[Symbol.asyncIterator]().next()
    client.abort()
    await test.consumer.aborted
  })

  it('throws what went wrong, with the message', async () => {
    test.consumer.script = async function* () {
      yield* []
      throw new ModelNotFoundError()
    }
    await assert.rejects(client.chat(hello), { name: 'ResponseError', status_code: 404, error: /not found/ })
    test.consumer.script = async function* () {
      yield ACCEPTED
      yield content('half')
      throw new EngineFailedError('the engine broke')
    }
    await assert.rejects(async () => {
      for await (const line of await client.chat({ ...hello, stream: true })) assert.equal(line.done, false)
    }, /the engine broke/)
  })
})
