import assert from 'node:assert/strict'
import type { LightMyRequestResponse } from 'fastify'
import { BusyError, PeerLostError } from '../../protocols/errors.ts'
import { chatRequest, type Delta } from '../../protocols/inference/index.ts'
import { messageBody, toChatRequest } from '../../http-gateway/anthropic/message-request.ts'
import { parse } from '../../http-gateway/parse.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import { arrived, openSocket, readAll } from '../support/gateway/raw-http.ts'
import { answering, SCRIPTS } from '../support/gateway/scripts.ts'
import { readSse } from '../support/gateway/sse.ts'
import { ACCEPTED, END, RECEIPT, content } from '../support/gateway/stub-consumer.ts'

const hello = { model: 'tiny', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] }

interface BlockEvent {
  type: string
  content_block?: { name?: string }
  delta?: { partial_json?: string; text?: string }
}

interface AnthropicError {
  type: string
  error: { type: string; message: string; param: string | null }
}

describe('http-gateway/anthropic', () => {
  let test: TestGateway

  beforeEach(() => {
    test = testGateway()
  })

  afterEach(() => test.http.stop())

  const post = (payload: object, path = '/v1/messages'): Promise<LightMyRequestResponse> =>
    test.http.inject({ method: 'POST', url: path, headers: { host: 'localhost' }, payload })

  it('sends events in order, each with its name, and a receipt before the end', async () => {
    test.consumer.script = SCRIPTS['tool calls']!
    const response = await post({ ...hello, stream: true })
    const { data, comments } = readSse(response.payload)
    const events = data.map((text) => JSON.parse(text) as { type: string; index?: number; delta?: object })
    const names = [...response.payload.matchAll(/^event: (.*)$/gm)].map(([, name]) => name)
    assert.deepEqual(
      names,
      events.map(({ type }) => type)
    )
    assert.deepEqual(names.slice(0, 3), ['message_start', 'ping', 'content_block_start'])
    assert.deepEqual(names.slice(-3), ['content_block_stop', 'message_delta', 'message_stop'])
    // One block after the other, each begun once and ended once.
    const frame = events.flatMap(({ type, index }) =>
      type === 'content_block_start' ? [`+${index}`] : type === 'content_block_stop' ? [`-${index}`] : []
    )
    assert.deepEqual(frame, ['+0', '-0', '+1', '-1', '+2', '-2', '+3', '-3'])
    assert.deepEqual(events.at(-2)!.delta, {
      container: null,
      stop_reason: 'tool_use',
      stop_sequence: null,
      stop_details: null
    })
    assert.deepEqual(JSON.parse(comments[0]!.replace('lobstah-receipt ', '')), RECEIPT)
    assert.ok(response.payload.indexOf('lobstah-receipt') < response.payload.indexOf('message_stop'))
  })

  /** The pieces of each block, in order: `weather{"a":` and `1}`, or a text. */
  async function blocks(deltas: Delta[]): Promise<string[][]> {
    test.consumer.script = answering(deltas, { finishReason: 'tool_calls' })
    const { data } = readSse((await post({ ...hello, stream: true })).payload)
    const pieces: string[][] = []
    for (const text of data) {
      const { type, content_block: block, delta } = JSON.parse(text) as BlockEvent
      if (type === 'content_block_start') pieces.push(block?.name === undefined ? [] : [block.name])
      if (type === 'content_block_delta') pieces.at(-1)!.push(delta!.partial_json ?? delta!.text ?? '')
    }
    return pieces
  }
  const call = (index: number, text: string, name?: string): Delta => ({
    toolCalls: [{ index, arguments: text, ...(name === undefined ? {} : { name }) }]
  })

  it('passes the pieces of every tool call on as they are made', async () => {
    const made = [call(0, '', 'one'), call(0, '{"a":'), call(0, '1}'), call(1, '{', 'two'), call(1, '}')]
    assert.deepEqual(await blocks(made), [
      ['one', '{"a":', '1}'],
      ['two', '{', '}']
    ])
  })

  it('holds back what comes in the midst of a tool call', async () => {
    const mixed = [
      call(0, '{"a":', 'one'),
      call(1, '{"b":', 'two'),
      { content: 'so' },
      call(2, '{}', 'three')
    ]
    assert.deepEqual(await blocks([...mixed, call(0, '1}'), call(1, '2'), call(1, '}')]), [
      ['one', '{"a":', '1}'],
      ['two', '{"b":', '2', '}'],
      ['so'],
      ['three', '{}']
    ])
    assert.deepEqual(await blocks([call(0, '', 'empty'), call(1, '{"cut', 'two'), { content: 'so' }]), [
      ['empty'],
      ['two', '{"cut'],
      ['so']
    ])
  })

  it('says why an answer ended', async () => {
    const reasons = { text: 'end_turn', cut: 'max_tokens', filtered: 'refusal', 'tool calls': 'tool_use' }
    for (const [script, reason] of Object.entries(reasons)) {
      test.consumer.script = SCRIPTS[script]!
      const body = (await post(hello)).json<{ type: string; stop_reason: string }>()
      assert.equal(body.type, 'message')
      assert.equal(body.stop_reason, reason)
    }
  })

  it('keeps the stream alive by pings of its own', async () => {
    test = testGateway({ keepAliveMs: 1, firstByteMs: 0 })
    const gate = Promise.withResolvers<undefined>()
    test.consumer.script = async function* () {
      yield ACCEPTED
      await gate.promise
      yield END
    }
    await test.http.start()
    const socket = await openSocket(test.http.url)
    const pinged = arrived(socket, 'event: ping\ndata: {"type":"ping"}\n\n\r\n')
    const body = JSON.stringify({ ...hello, stream: true })
    const head = `Host: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
    socket.write(`POST /v1/messages HTTP/1.1\r\n${head}\r\n\r\n${body}`)
    await pinged
    const end = arrived(socket, 'message_stop')
    gate.resolve(undefined)
    await end
    socket.destroy()
  })

  it('tells a failure in mid-stream by an error event, and breaks the connection', async () => {
    test.consumer.script = async function* () {
      yield ACCEPTED
      yield content('half')
      throw new PeerLostError('gone')
    }
    await test.http.start()
    const socket = await openSocket(test.http.url)
    const all = readAll(socket)
    const body = JSON.stringify({ ...hello, stream: true })
    const head = `Host: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
    socket.write(`POST /v1/messages HTTP/1.1\r\n${head}\r\n\r\n${body}`)
    const text = await all
    assert.match(text, /event: error\ndata: \{"type":"error","error":\{"type":"api_error","message":"gone"/)
    assert.doesNotMatch(text, /message_stop/)
    assert.doesNotMatch(text, /\r\n0\r\n\r\n/, 'no clean end')
  })

  it('answers every failure by its own envelope, on its own routes only', async () => {
    const error = async (payload: object, path?: string): Promise<AnthropicError> =>
      (await post(payload, path)).json<AnthropicError>()
    const missing = await error({ model: 'tiny', max_tokens: 9 })
    assert.equal(missing.type, 'error')
    assert.equal(missing.error.type, 'invalid_request_error')
    assert.equal(missing.error.param, 'messages')
    test.consumer.script = async function* () {
      yield* []
      throw new BusyError()
    }
    assert.equal((await error(hello)).error.type, 'rate_limit_error')
    assert.equal((await error({}, '/v1/messages/nothing')).error.type, 'not_found_error')
    assert.equal((await error({}, '/v1/messagesx')).type, undefined)
    const foreign = { host: 'evil.example' }
    const refused = await test.http.inject({
      method: 'POST',
      url: '/v1/messages',
      headers: foreign,
      payload: hello
    })
    assert.equal(refused.json<AnthropicError>().error.type, 'permission_error')
  })

  it('translates what Claude Code sends', () => {
    const request = toChatRequest(
      parse(messageBody, {
        model: 'tiny',
        max_tokens: 32,
        system: [{ type: 'text', text: 'S', cache_control: { type: 'ephemeral' } }],
        thinking: { type: 'enabled', budget_tokens: 4000 },
        metadata: { user_id: 'u' },
        stop_sequences: ['END', ''],
        tools: [
          { name: 'f', description: 'd', input_schema: { type: 'object' }, cache_control: null },
          { type: 'web_search_20250305', name: 'web_search', max_uses: 3 }
        ],
        tool_choice: { type: 'any' },
        messages: [
          { role: 'user', content: [{ type: 'text', text: 'a' }] },
          { role: 'system', content: 'remember' },
          {
            role: 'assistant',
            content: [
              { type: 'thinking', thinking: 'hm', signature: 's' },
              { type: 'redacted_thinking', data: 'x' },
              { type: 'text', text: 'ok' },
              { type: 'tool_use', id: 't1', name: 'f', input: {} }
            ]
          },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'see' },
              {
                type: 'tool_result',
                tool_use_id: 't1',
                is_error: false,
                content: [
                  { type: 'text', text: 'r' },
                  { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } }
                ]
              }
            ]
          }
        ]
      })
    )
    assert.deepEqual(chatRequest.parse(request), request)
    assert.deepEqual(request, {
      kind: 'chat',
      model: 'tiny',
      max_tokens: 32,
      stop: ['END'],
      reasoning_effort: 'medium',
      tools: [
        { type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' } } }
      ],
      tool_choice: 'required',
      messages: [
        { role: 'system', content: 'S' },
        { role: 'user', content: 'a' },
        { role: 'system', content: 'remember' },
        {
          role: 'assistant',
          content: 'ok',
          reasoning_content: 'hm',
          tool_calls: [{ id: 't1', type: 'function', function: { name: 'f', arguments: '{}' } }]
        },
        { role: 'tool', content: 'r', tool_call_id: 't1' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'see' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }
          ]
        }
      ]
    })
  })

  it('takes the schema of an answer under its name of today and that of the beta', async () => {
    const schema = { type: 'object', properties: { x: { type: 'integer' } } }
    const format = { type: 'json_schema', schema }
    for (const fields of [{ output_config: { format } }, { output_format: format }]) {
      assert.equal((await post({ ...hello, ...fields })).statusCode, 200)
      const request = test.consumer.requests.at(-1)
      assert.ok(request?.kind === 'chat')
      assert.deepEqual(request.response_format, {
        type: 'json_schema',
        json_schema: { name: 'output', schema }
      })
    }
  })

  it('refuses an image that is somewhere else, by its place', async () => {
    const image = { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }
    const response = await post({ ...hello, messages: [{ role: 'user', content: [image] }] })
    assert.equal(response.statusCode, 400)
    assert.equal(response.json<AnthropicError>().error.param, 'messages[0].content[0].source.type')
  })
})
