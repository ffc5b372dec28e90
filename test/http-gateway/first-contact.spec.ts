import assert from 'node:assert/strict'
import { hostname, networkInterfaces } from 'node:os'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { LightMyRequestResponse } from 'fastify'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'

const CHAT = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }] })
const TOKEN = 't'.repeat(43)
const GENERATE = JSON.stringify({ model: 'tiny', prompt: 'hi', stream: false })

describe('http-gateway, met by clients as they are', () => {
  let test: TestGateway

  beforeEach(() => {
    test = testGateway({ bodyLimit: 4096, token: TOKEN })
  })
  afterEach(async () => {
    await test.http.stop()
  })

  const post = (
    url: string,
    payload: string | Buffer,
    headers: Record<string, string> = {}
  ): Promise<LightMyRequestResponse> =>
    test.http.inject({ method: 'POST', url, payload, headers: { host: 'localhost', ...headers } })
  const get = (url: string, headers: Record<string, string> = {}): Promise<LightMyRequestResponse> =>
    test.http.inject({ url, headers: { host: 'localhost', ...headers } })

  describe('a body of any content type, on /api', () => {
    for (const type of ['application/x-www-form-urlencoded', 'text/plain;charset=UTF-8', '']) {
      it(`is read as JSON: ${type || 'none'}`, async () => {
        const headers: Record<string, string> = type === '' ? {} : { 'content-type': type }
        assert.equal((await post('/api/generate', GENERATE, headers)).statusCode, 200)
        const refused = await post('/v1/chat/completions', CHAT, headers)
        assert.equal(refused.statusCode, 415, refused.body)
        assert.match(refused.body, /content-type: application\/json/)
      })
    }

    it('is refused from a web page, whatever way the page sends it', async () => {
      const pages: Record<string, string>[] = [
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site' },
        { host: 'evil.example' }
      ]
      for (const headers of pages) {
        for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
          const reply = await post('/api/generate', GENERATE, { 'content-type': type, ...headers })
          assert.equal(reply.statusCode, 403, JSON.stringify(headers))
        }
      }
      assert.equal(test.consumer.requests.length, 0)
    })
  })

  describe('a compressed body', () => {
    const packed: [string, (text: string) => Buffer][] = [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['br', brotliCompressSync],
      ['zstd', zstdCompressSync]
    ]
    for (const [encoding, pack] of packed) {
      const headers = { 'content-type': 'application/json', 'content-encoding': encoding }
      it(`is read: ${encoding}`, async () => {
        assert.equal((await post('/v1/chat/completions', pack(CHAT), headers)).statusCode, 200)
      })
      it(`is held to the limit after it is decompressed: ${encoding}`, async () => {
        const bomb = await post('/v1/chat/completions', pack(`"${' '.repeat(1_000_000)}"`), headers)
        assert.equal(bomb.statusCode, 413, bomb.body)
      })
      it(`is refused where it is broken: ${encoding}`, async () => {
        const broken = await post('/v1/chat/completions', Buffer.from('not packed'), headers)
        assert.equal(broken.statusCode, 400)
        assert.match(broken.body, new RegExp(`not valid ${encoding}`))
      })
    }
    it('is counted before it is parsed', async () => {
      const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
      const deep = await post('/v1/chat/completions', gzipSync('['.repeat(1000)), headers)
      assert.match(deep.body, /nested deeper/)
    })
    it('names what it takes where it does not know the encoding', async () => {
      const headers = { 'content-type': 'application/json', 'content-encoding': 'compress' }
      const reply = await post('/v1/chat/completions', CHAT, headers)
      assert.equal(reply.statusCode, 415)
      assert.equal(reply.headers['accept-encoding'], 'gzip, deflate, br, zstd')
    })
  })

  describe('a base URL', () => {
    for (const path of [
      '/chat/completions',
      '/v1/v1/chat/completions',
      '//v1//chat/completions/',
      '/api/v1/chat/completions',
      'http://localhost/v1/chat/completions'
    ]) {
      it(`reaches the chat: ${path}`, async () => {
        const reply = await post(path, CHAT, { 'content-type': 'application/json' })
        assert.equal(reply.statusCode, 200, reply.body)
      })
    }
    it("reaches Ollama's API below /v1, and keeps its queries", async () => {
      assert.equal((await get('/v1/api/tags?x=1')).statusCode, 200)
      assert.equal((await get('/models?limit=5')).statusCode, 200)
      assert.equal((await get('/models/tiny')).statusCode, 200)
      const owner = { authorization: `Bearer ${TOKEN}` }
      assert.equal((await get('/v1/receipts?limit=0', owner)).statusCode, 400)
    })
    it('is told the nearest routes where it reaches none', async () => {
      const wrong = await get('/v1/chat/completion')
      assert.equal(wrong.statusCode, 404)
      assert.match(wrong.body, /did you mean POST \/v1\/chat\/completions/)
      const ollama = (await get('/api/tag')).json<{ error: string }>()
      assert.match(ollama.error, /did you mean GET \/api\/tags/)
      assert.doesNotMatch((await get('/api/nothing/like/it')).body, /\/v1/)
      assert.match((await post('/api/create', '{}')).body, /does not change models/)
    })
  })

  it('answers the names that other servers have for health and version', async () => {
    assert.deepEqual((await get('/health')).json(), { status: 'ok' })
    assert.match((await get('/version')).json<{ version: string }>().version, /^\d+\.\d+\.\d+$/)
  })

  it("lists models in Anthropic's form to its clients, and words errors for them", async () => {
    const anthropic = { 'anthropic-version': '2023-06-01' }
    const page = (await get('/v1/models', anthropic)).json<Record<string, unknown>>()
    assert.deepEqual(Object.keys(page), ['data', 'has_more', 'first_id', 'last_id'])
    const one = (await get('/v1/models/tiny', anthropic)).json<Record<string, unknown>>()
    assert.equal(one.type, 'model')
    assert.ok(Number.isFinite(Date.parse(String(one.created_at))))
    const missing = (await get('/v1/models/nobody-has-it', anthropic)).json<Record<string, unknown>>()
    assert.equal(missing.type, 'error')
    assert.equal((await get('/v1/models')).json<{ object: string }>().object, 'list')
  })

  it('has a served model pulled already, and no other', async () => {
    const lines = (await post('/api/pull', '{"model":"tiny"}')).body.trim().split('\n')
    assert.deepEqual(JSON.parse(lines.at(-1) ?? ''), { status: 'success' })
    const whole = await post('/api/pull', '{"name":"tiny","stream":false}')
    assert.deepEqual(whole.json(), { status: 'success' })
    assert.equal((await post('/api/pull', '{"model":"nobody-has-it"}')).statusCode, 404)
  })

  describe('names and origins', () => {
    const own = Object.values(networkInterfaces())
      .flat()
      .map((one) => (one?.family === 'IPv6' ? `[${one.address}]` : one?.address))
    const ask = async (
      init: Parameters<typeof testGateway>[0],
      headers: Record<string, string>
    ): Promise<LightMyRequestResponse> =>
      await testGateway({ apiKeys: ['key'], ...init }).http.inject({
        url: '/v1/models',
        headers: { host: 'localhost', authorization: 'Bearer key', ...headers }
      })

    it('on every address, are those of the machine', async () => {
      for (const name of [...own, hostname(), `${hostname()}.local`, 'LOCALHOST.']) {
        const reply = await ask({ host: '0.0.0.0' }, { host: `${name ?? ''}:17475` })
        assert.equal(reply.statusCode, 200, name)
      }
      assert.equal((await ask({ host: '0.0.0.0' }, { host: '203.0.113.9' })).statusCode, 403)
      assert.equal((await ask({}, { host: hostname() })).statusCode, 403)
    })
    it('can be allowed by name', async () => {
      const host = 'host.docker.internal'
      assert.equal((await ask({ allowedHosts: [host] }, { host: `${host}:17475` })).statusCode, 200)
      assert.match((await ask({}, { host })).body, /--allowed-hosts/)
      for (const [allowed, origin] of [
        ['vscode-file://vscode-app', 'vscode-file://vscode-app'],
        ['chrome-extension://abc/', 'chrome-extension://abc'],
        ['moz-extension://*', 'moz-extension://0b1c'],
        ['https://chat.example', 'https://chat.example']
      ] as const) {
        assert.equal((await ask({ allowedOrigins: [allowed] }, { origin })).statusCode, 200, origin)
        assert.match((await ask({}, { origin })).body, /--allowed-origins/)
      }
      for (const origin of ['null', 'https://evil.example'])
        assert.equal((await ask({ allowedOrigins: ['null', 'https://*'] }, { origin })).statusCode, 403)
    })
    it('are whole names', async () => {
      for (const host of [
        'evil.com#.localhost',
        'evil.com/.localhost',
        'evil.com?.localhost',
        'a b.localhost'
      ])
        assert.equal((await ask({}, { host })).statusCode, 403, host)
    })
  })
})
