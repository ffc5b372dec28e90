import assert from 'node:assert/strict'
import type { LightMyRequestResponse } from 'fastify'
import { BusyError, PeerLostError } from '../../protocols/errors.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import { arrived, openSocket, readAll } from '../support/gateway/raw-http.ts'
import { ACCEPTED, END, RECEIPT, content } from '../support/gateway/stub-consumer.ts'

const hello = { model: 'tiny', messages: [{ role: 'user', content: 'hi' }] }

describe('http-gateway/ollama', () => {
  let test: TestGateway

  beforeEach(() => {
    test = testGateway()
  })

  afterEach(() => test.http.stop())

  const post = (path: string, payload: object): Promise<LightMyRequestResponse> =>
    test.http.inject({ method: 'POST', url: path, headers: { host: 'localhost' }, payload })

  const raw = (): string => {
    const body = JSON.stringify(hello)
    const head = `Host: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
    return `POST /api/chat HTTP/1.1\r\n${head}\r\n\r\n${body}`
  }

  it('streams lines unless told otherwise, the last with counts and the receipt', async () => {
    const response = await post('/api/chat', hello)
    assert.equal(response.headers['content-type'], 'application/x-ndjson')
    const lines = response.payload
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.deepEqual(
      lines.map(({ message, done }) => [message, done]),
      [
        [{ role: 'assistant', content: 'Hel' }, false],
        [{ role: 'assistant', content: 'lo' }, false],
        [{ role: 'assistant', content: '' }, true]
      ]
    )
    const { model, created_at: at, total_duration: total, ...last } = lines.at(-1)!
    assert.equal(model, 'tiny')
    assert.ok(!Number.isNaN(Date.parse(String(at))))
    assert.ok(Number.isInteger(total))
    assert.deepEqual(last.lobstah_receipt, RECEIPT)
    assert.equal(last.done_reason, 'stop')
    assert.equal(last.prompt_eval_count, 7)
    assert.equal(last.eval_count, 3)
  })

  it('keeps a stream alive by what every reader of JSON passes over', async () => {
    test = testGateway({ keepAliveMs: 1, firstByteMs: 0 })
    const gate = Promise.withResolvers<undefined>()
    test.consumer.script = async function* () {
      yield ACCEPTED
      await gate.promise
      yield content('late')
      yield END
    }
    await test.http.start()
    const socket = await openSocket(test.http.url)
    const pinged = arrived(socket, '\r\n1\r\n \r\n')
    const all = arrived(socket, '\r\n0\r\n\r\n')
    socket.write(raw())
    await pinged
    gate.resolve(undefined)
    const text = (await all).replace(/^[\s\S]*?\r\n\r\n/, '').replace(/[0-9a-f]+\r\n([\s\S]*?)\r\n/g, '$1')
    for (const line of text.trim().split('\n')) assert.ok(JSON.parse(line) !== null)
    socket.destroy()
  })

  it('tells a failure in mid-stream by a line, and breaks the connection', async () => {
    test.consumer.script = async function* () {
      yield ACCEPTED
      yield content('half')
      throw new PeerLostError('gone')
    }
    await test.http.start()
    const socket = await openSocket(test.http.url)
    const all = readAll(socket)
    socket.write(raw())
    const text = await all
    assert.match(text, /\{"error":"gone","code":"peer_lost"\}\n/)
    assert.doesNotMatch(text, /"done":true/)
    assert.doesNotMatch(text, /\r\n0\r\n\r\n/, 'no clean end')
  })

  it('answers every failure by its own envelope', async () => {
    test.consumer.script = async function* () {
      yield* []
      throw new BusyError('full')
    }
    const busy = await post('/api/chat', hello)
    assert.equal(busy.statusCode, 429)
    assert.deepEqual(busy.json(), { error: 'full', code: 'busy' })
    for (const [body, status] of [
      [{}, 400],
      [{ model: 'absent:1b' }, 404]
    ] as const) {
      const answer = await post('/api/pull', body)
      assert.equal(answer.statusCode, status)
      assert.equal(typeof answer.json<{ error: unknown }>().error, 'string')
    }
  })

  it('truncates what is embedded unless it is told otherwise, as Ollama does', async () => {
    test.consumer.script = async function* () {
      yield* []
      throw new BusyError('full')
    }
    for (const [path, body, truncate] of [
      ['/api/embed', { input: 'a' }, true],
      ['/api/embed', { input: 'a', truncate: null }, true],
      ['/api/embed', { input: 'a', truncate: false }, false],
      ['/api/embeddings', { prompt: 'a' }, true]
    ] as const) {
      await post(path, { model: 'tiny', ...body })
      const asked = test.consumer.requests.at(-1)
      assert.ok(asked?.kind === 'embedding')
      assert.equal(asked.truncate, truncate, `${path} ${JSON.stringify(body)}`)
    }
  })

  const refused: [string, string, object, RegExp][] = [
    ['no model', '/api/chat', { messages: [] }, /model/],
    [
      'an image of an unknown kind',
      '/api/chat',
      { model: 'tiny', messages: [{ role: 'user', content: '', images: ['AAAA'] }] },
      /messages\[0\]\.images\[0\]/
    ],
    ['a template', '/api/generate', { model: 'tiny', prompt: 'a', template: 'x' }, /template/],
    ['an earlier context', '/api/generate', { model: 'tiny', prompt: 'a', context: [1] }, /context/],
    [
      'a temperature out of range',
      '/api/chat',
      { ...hello, options: { temperature: -1 } },
      /options\.temperature/
    ],
    ['tokens', '/api/embed', { model: 'tiny', input: [1, 2] }, /input/]
  ]
  for (const [what, path, body, message] of refused) {
    it(`refuses ${what}`, async () => {
      const response = await post(path, body)
      assert.equal(response.statusCode, 400)
      assert.match(response.json<{ error: string }>().error, message)
      assert.equal(test.consumer.requests.length, 0)
    })
  }

  it('takes null for nothing, as Ollama does', async () => {
    const calls = [{ function: { name: 'time', arguments: {} } }]
    const messages = [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: null, tool_calls: calls },
      { role: 'tool', content: 'noon' }
    ]
    assert.equal((await post('/api/chat', { ...hello, messages })).statusCode, 200)
    const [request] = test.consumer.requests
    assert.ok(request?.kind === 'chat')
    assert.equal(request.messages[1]?.content, '')
    for (const [path, fields] of [
      ['/api/chat', { messages: null }],
      ['/api/generate', { prompt: null }]
    ] as const) {
      const loaded = await post(path, { model: 'tiny', ...fields })
      assert.equal(loaded.json<{ done_reason: string }>().done_reason, 'load')
    }
  })

  it('loads and lets go without asking anybody', async () => {
    const load = async (body: object): Promise<unknown> =>
      (await post('/api/chat', { model: 'tiny', ...body })).json<{ done_reason: unknown }>().done_reason
    assert.equal(await load({}), 'load')
    assert.equal(await load({ keep_alive: 0 }), 'unload')
    assert.equal(await load({ keep_alive: '5m' }), 'load')
    assert.equal(test.consumer.requests.length, 0)
  })
})
