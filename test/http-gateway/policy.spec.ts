import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { GatewayInit } from '../../http-gateway/index.ts'
import { assertEnvelope, parseReply, probe, type Probe } from '../support/gateway/probe.ts'
import { arrived, exchange, openSocket, readAll } from '../support/gateway/raw-http.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'
import { ACCEPTED, aborted, content } from '../support/gateway/stub-consumer.ts'

const chat = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }] })

describe('http-gateway policy, on a socket', () => {
  let test: TestGateway

  async function started(init: GatewayInit = {}): Promise<string> {
    test = testGateway(init)
    await test.http.start()
    return test.http.url
  }

  afterEach(async () => {
    await test.http.stop()
  })

  describe('by whom it may be called', () => {
    const refused: [string, Probe, number, string][] = [
      ['another host', { headers: { host: 'evil.example' } }, 403, 'host_not_allowed'],
      [
        'a host that looks like ours',
        { headers: { host: '127.0.0.1.evil.example' } },
        403,
        'host_not_allowed'
      ],
      ['another host that ends in ours', { headers: { host: 'notlocalhost' } }, 403, 'host_not_allowed'],
      ['a host with user data', { headers: { host: 'localhost@evil.example' } }, 403, 'host_not_allowed'],
      ['an address of the LAN', { headers: { host: '192.168.1.5:17475' } }, 403, 'host_not_allowed'],
      ['an empty host', { headers: { host: '' } }, 403, 'host_not_allowed'],
      [
        'a request line that names another host',
        { path: 'http://evil.example/healthz' },
        403,
        'host_not_allowed'
      ],
      ['no host', { headers: { host: undefined } }, 400, 'host_missing'],
      ['a page elsewhere', { headers: { origin: 'https://evil.example' } }, 403, 'origin_not_allowed'],
      [
        'a page whose host begins like ours',
        { headers: { origin: 'http://localhost.evil.example' } },
        403,
        'origin_not_allowed'
      ],
      ['a page without an origin', { headers: { origin: 'null' } }, 403, 'origin_not_allowed'],
      ['a file', { headers: { origin: 'file://' } }, 403, 'origin_not_allowed'],
      ['an empty origin', { headers: { origin: '' } }, 403, 'origin_not_allowed'],
      [
        'a fetch across sites without an origin',
        { headers: { 'sec-fetch-site': 'cross-site' } },
        403,
        'origin_not_allowed'
      ],
      [
        'a fetch from the same site',
        { headers: { 'sec-fetch-site': 'same-site' } },
        403,
        'origin_not_allowed'
      ],
      [
        'a preflight from elsewhere',
        {
          method: 'OPTIONS',
          path: '/v1/chat/completions',
          headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' }
        },
        403,
        'origin_not_allowed'
      ]
    ]
    for (const [what, request, status, code] of refused) {
      it(`refuses ${what}`, async () => {
        const url = await started()
        const reply = await probe(url, request)
        assertEnvelope(reply, status, code)
        assert.equal(reply.headers.get('access-control-allow-origin'), undefined)
        assert.equal(reply.headers.get('x-should-retry'), 'false')
      })
    }

    it('refuses on every route, known or not, before it does anything', async () => {
      const url = await started()
      const headers = { host: 'evil.example' }
      for (const path of [
        '/v1/models',
        '/v1/models/a',
        '/balance',
        '/peers',
        '/pubkey',
        '/capacity',
        '/receipts',
        '/nope',
        '/'
      ]) {
        assertEnvelope(await probe(url, { path, headers }), 403, 'host_not_allowed')
      }
      assertEnvelope(
        await probe(url, { method: 'POST', path: '/v1/chat/completions', body: chat, headers }),
        403,
        'host_not_allowed'
      )
      const origin = { origin: 'https://evil.example' }
      assertEnvelope(
        await probe(url, { method: 'POST', path: '/v1/chat/completions', body: chat, headers: origin }),
        403,
        'origin_not_allowed'
      )
      const upgrade = { ...origin, connection: 'upgrade', upgrade: 'websocket' }
      const socket = await openSocket(url)
      const answer = arrived(socket, '}')
      socket.write(
        `GET /v1/models HTTP/1.1\r\nhost: localhost\r\n${Object.entries(upgrade)
          .map(([name, value]) => `${name}: ${value}\r\n`)
          .join('')}\r\n`
      )
      assert.match(await answer, /^HTTP\/1\.1 403 /)
      socket.destroy()
      assert.equal(test.consumer.requests.length, 0)
      assert.equal(test.listings.length, 0)
    })

    const admitted: [string, Record<string, string>][] = [
      ['localhost', { host: 'LocalHost:1' }],
      ['a name under localhost', { host: 'lobstah.localhost' }],
      ['another loopback address', { host: '127.8.9.1:17475' }],
      ['the IPv6 loopback', { host: '[::1]:17475' }],
      ['a configured host', { host: 'Node.lan:8080' }],
      ['a page of this machine', { origin: 'http://localhost:3000' }],
      ['a page by IPv6', { origin: 'http://[::1]:3000' }],
      ['a desktop application', { origin: 'tauri://localhost' }],
      ["an editor's panel", { origin: 'vscode-webview://0a1b' }],
      ['an Electron application', { origin: 'app://obsidian.md' }],
      ['a configured page', { origin: 'https://chat.example' }],
      ['an allowed page across sites', { origin: 'http://localhost:3000', 'sec-fetch-site': 'cross-site' }],
      ['an address that was typed in', { 'sec-fetch-site': 'none' }],
      ['its own page', { 'sec-fetch-site': 'same-origin' }],
      ["Node's fetch", { 'sec-fetch-mode': 'cors' }]
    ]
    for (const [what, headers] of admitted) {
      it(`admits ${what}`, async () => {
        const url = await started({ allowedHosts: ['node.lan'], allowedOrigins: ['https://chat.example'] })
        const reply = await probe(url, { headers })
        assert.equal(reply.status, 200, reply.body)
        assert.equal(reply.headers.get('access-control-allow-origin'), headers.origin)
        assert.equal(reply.headers.get('vary'), 'Origin')
      })
    }

    it('answers the preflight of an allowed page', async () => {
      const url = await started()
      const reply = await probe(url, {
        method: 'OPTIONS',
        path: '/v1/chat/completions',
        headers: {
          origin: 'http://localhost:3000',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization, x-stainless-os'
        }
      })
      assert.equal(reply.status, 204)
      assert.equal(reply.headers.get('access-control-allow-origin'), 'http://localhost:3000')
      assert.equal(reply.headers.get('access-control-allow-headers'), 'authorization, x-stainless-os')
      assert.match(reply.headers.get('access-control-allow-methods') ?? '', /POST/)
    })

    it('names the origin on streams and on errors too', async () => {
      const url = await started()
      const headers = { origin: 'http://localhost:3000' }
      const streamed = chat.replace('{', '{"stream":true,')
      for (const body of [streamed, '{}']) {
        const reply = await probe(url, { method: 'POST', path: '/v1/chat/completions', body, headers })
        assert.equal(reply.headers.get('access-control-allow-origin'), 'http://localhost:3000')
        assert.match(reply.headers.get('access-control-expose-headers') ?? '', /x-lobstah-peer/)
      }
    })

    it('wants one of the API keys where there are any, but not for a preflight', async () => {
      const url = await started({ apiKeys: ['one', 'two'] })
      for (const headers of [
        {},
        { authorization: 'Bearer three' },
        { authorization: 'one' },
        { 'x-api-key': '' }
      ]) {
        const reply = await probe(url, { headers })
        assertEnvelope(reply, 401, 'invalid_api_key')
        assert.equal(reply.headers.get('www-authenticate'), 'Bearer')
      }
      for (const headers of [
        { authorization: 'Bearer two' },
        { authorization: 'bearer one' },
        { 'x-api-key': 'one' }
      ]) {
        assert.equal((await probe(url, { headers })).status, 200)
      }
      const preflight = { origin: 'http://localhost', 'access-control-request-method': 'GET' }
      assert.equal((await probe(url, { method: 'OPTIONS', headers: preflight })).status, 204)
    })
  })

  describe('what it takes', () => {
    const post = { method: 'POST', path: '/v1/chat/completions', body: chat }
    const refused: [string, Probe, number, string][] = [
      ['an unknown path', { path: '/v1/nope' }, 404, 'route_not_found'],
      [
        'an unknown path with a body of any type',
        { ...post, path: '/nope', headers: { 'content-type': 'text/plain' } },
        404,
        'route_not_found'
      ],
      [
        'an unknown path with a body that is not JSON',
        { ...post, path: '/nope', body: '{' },
        404,
        'route_not_found'
      ],
      ['a model that is not served', { path: '/v1/models/nope%2Fx:1' }, 404, 'model_not_found'],
      ['a broken path', { path: '/v1/models/%zz' }, 400, 'bad_request'],
      ['a text body', { ...post, headers: { 'content-type': 'text/plain' } }, 415, 'unsupported_media_type'],
      [
        'a form',
        { ...post, headers: { 'content-type': 'application/x-www-form-urlencoded' } },
        415,
        'unsupported_media_type'
      ],
      [
        'a body of no type',
        { ...post, headers: { 'content-type': undefined } },
        415,
        'unsupported_media_type'
      ],
      [
        'JSON hidden in a text type',
        { ...post, headers: { 'content-type': 'text/plain; application/json' } },
        415,
        'unsupported_media_type'
      ],
      ['a body that is not JSON', { ...post, body: '{"model":' }, 400, 'invalid_json'],
      [
        'an empty body',
        { ...post, body: '', headers: { 'content-type': 'application/json', 'content-length': '0' } },
        400,
        'invalid_json'
      ],
      ['no body', { ...post, body: '' }, 400, 'bad_request'],
      ['a large body', { ...post, headers: { 'content-length': '70000000' } }, 413, 'request_too_large'],
      ['large headers', { headers: { 'x-large': 'x'.repeat(20_000) } }, 431, 'headers_too_large'],
      ['an invalid header', { headers: { 'x y': 'z' } }, 400, 'bad_request'],
      ['an unknown method', { method: 'BREW' }, 400, 'bad_request'],
      ['an invalid length of the history', { path: '/lobstah/history?by=year' }, 400, 'bad_request'],
      ['receipts without the token', { path: '/receipts' }, 403, 'owner_required'],
      [
        'an invalid chunk',
        { ...post, headers: { 'content-length': undefined, 'transfer-encoding': 'chunked' }, body: 'zz\r\n' },
        400,
        'bad_request'
      ]
    ]
    for (const [what, request, status, code] of refused) {
      it(`refuses ${what} with ${status}`, async () => {
        const url = await started()
        const reply = await probe(url, request)
        assertEnvelope(reply, status, code)
        assert.equal(reply.headers.get('x-should-retry'), 'false')
        assert.equal(test.consumer.requests.length, 0)
      })
    }

    const methods: [string, string, string][] = [
      ['GET', '/v1/chat/completions', 'POST'],
      ['DELETE', '/v1/chat/completions/', 'POST'],
      ['PUT', '/v1/models', 'GET, HEAD'],
      ['DELETE', '/v1/models/org/name:tag?x=1', 'GET, HEAD'],
      ['POST', '/balance', 'GET, HEAD'],
      ['OPTIONS', '/v1/models', 'GET, HEAD'],
      ['TRACE', '/peers', 'GET, HEAD'],
      ['PROPFIND', '/peers', 'GET, HEAD']
    ]
    for (const [method, path, allow] of methods) {
      it(`refuses ${method} ${path}`, async () => {
        const url = await started()
        const reply = await probe(url, { method, path })
        assertEnvelope(reply, 405, 'method_not_allowed')
        assert.equal(reply.headers.get('allow')?.split(', ').sort().join(', '), allow)
      })
    }

    it('takes JSON with a charset, keys of any name, and an expectation', async () => {
      const url = await started()
      const body = chat.replace('{', '{"__proto__":{"stream":true},"constructor":{"prototype":1},')
      const headers = { 'content-type': 'application/json; charset=utf-8', expect: 'wonders' }
      const reply = await probe(url, { ...post, body, headers })
      assert.equal(reply.status, 200, reply.body)
      assert.match(reply.headers.get('content-type') ?? '', /^application\/json/)
    })

    it('takes a base URL that ends in a slash', async () => {
      const url = await started()
      for (const path of ['//v1/chat/completions', '/v1//chat/completions/'])
        assert.equal((await probe(url, { ...post, path })).status, 200)
      assert.equal((await probe(url, { path: '//v1//models//tiny' })).status, 200)
      assertEnvelope(await probe(url, { path: '/v1//chat/completions' }), 405, 'method_not_allowed')
      const unknown = await probe(url, { path: '//api/nope' })
      assert.equal(typeof (JSON.parse(unknown.body) as { error: unknown }).error, 'string')
    })

    it('takes a body of many megabytes', async () => {
      const url = await started()
      const large = JSON.stringify({
        model: 'tiny',
        messages: [{ role: 'user', content: 'x'.repeat(20_000_000) }]
      })
      assert.equal((await probe(url, { ...post, body: large })).status, 200)
    })

    it('refuses a body of too many values, or too many levels, before it is parsed', async () => {
      const url = await started()
      const zeros = `[${'0,'.repeat(8_000_000)}0]`
      const lists = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
      for (const [path, field] of [
        ['/v1/chat/completions', 'messages'],
        ['/v1/responses', 'metadata'],
        ['/v1/embeddings', 'input']
      ]) {
        for (const [value, said] of [
          [zeros, /131072 values/],
          [`[${'[],'.repeat(140_000)}[]]`, /131072 values/],
          [lists(1_000_000), /256 levels/],
          [`{"a":${lists(256)}}`, /256 levels/]
        ] as const) {
          const reply = await probe(url, { ...post, path, body: `{"model":"tiny","${field}":${value}}` })
          assertEnvelope(reply, 400, 'bad_request')
          assert.match(reply.body, said)
        }
      }
    })

    it('counts nothing that is in a string, and refuses a list of faults of any length', async () => {
      const url = await started()
      const text = '[{,'.repeat(200_000)
      for (const content of [text, `"${text}`, `\\${text}`, `${text}\\"${text}\\`]) {
        const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content }] })
        assert.equal((await probe(url, { ...post, body })).status, 200)
      }
      const faults = `{"model":"tiny","messages":[{"role":"user","content":[${'0,'.repeat(130_000)}0]}]}`
      assertEnvelope(await probe(url, { ...post, body: faults }), 400, 'bad_request')
      const open = await probe(url, { ...post, body: '{"model":"tiny' })
      assertEnvelope(open, 400, 'invalid_json')
    })

    it('refuses a body that turns out to be larger than the limit', async () => {
      const url = await started({ bodyLimit: 1000 })
      const body = `400\r\n${'x'.repeat(1024)}\r\n`
      const headers = { 'content-length': undefined, 'transfer-encoding': 'chunked' }
      assertEnvelope(await probe(url, { ...post, body, headers }), 413, 'request_too_large')
    })
  })

  describe('how long it waits', () => {
    it('gives up on headers that do not come', async () => {
      const url = await started({ headersTimeoutMs: 100 })
      const reply = parseReply(await exchange(url, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow'))
      assertEnvelope(reply, 408, 'request_timeout')
      assert.equal(reply.headers.get('x-should-retry'), undefined)
    })

    it('gives up on a body that does not come', async () => {
      const url = await started({ headersTimeoutMs: 100, requestTimeoutMs: 100 })
      const head =
        'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
      const reply = parseReply(await exchange(url, `${head}Content-Length: 100\r\n\r\n{`))
      assertEnvelope(reply, 408, 'request_timeout')
    })

    it('does not write an error into an answer that is under way', async () => {
      const url = await started()
      test.consumer.script = async function* (_, signal) {
        yield ACCEPTED
        yield content('half')
        await aborted(signal)
      }
      const body = chat.replace('{', '{"stream":true,')
      const socket = await openSocket(url)
      const half = arrived(socket, '"half"')
      const all = readAll(socket)
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      )
      await half
      socket.write('garbage\r\n\r\n')
      assert.doesNotMatch(await all, /HTTP\/1\.1 400|bad_request/)
      await test.consumer.aborted
    })

    it('survives a client that only connects', async () => {
      const url = await started()
      const socket = await openSocket(url)
      socket.destroy()
      await once(socket, 'close')
      assert.equal((await probe(url, {})).status, 200)
    })
  })
})
