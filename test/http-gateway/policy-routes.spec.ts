import assert from 'node:assert/strict'
import { allRoutes } from '../../http-gateway/surfaces.ts'
import { exchange, openSocket, readAll } from '../support/gateway/raw-http.ts'
import { parseReply, probe, type Probe, type Reply } from '../support/gateway/probe.ts'
import { testGateway, type TestGateway } from '../support/gateway/gateway.ts'

const ROUTES = Array.from(allRoutes(), ({ route }) => ({
  ...route,
  path: route.path.replace('*', 'tiny')
}))
/** The routes that anybody with a key may send JSON to. */
const POSTS = ROUTES.filter(
  ({ method, body, multipart, owner }) =>
    method === 'POST' && body !== undefined && multipart !== true && owner !== true
)

/** A status and a code, in the error document of the API that the path belongs to. */
function assertRefused(path: string, reply: Reply, status: number, code: string): void {
  assert.equal(reply.status, status, `${path}: ${reply.body}`)
  assert.match(reply.headers.get('content-type') ?? '', /^application\/json/)
  const body = JSON.parse(reply.body) as { error: string | Record<string, unknown>; code?: string }
  if (path.startsWith('/api/')) {
    assert.deepEqual(Object.keys(body).sort(), ['code', 'error'])
    assert.equal(typeof body.error, 'string')
    assert.equal(body.code, code)
    return
  }
  const error = body.error as Record<string, unknown>
  assert.deepEqual(Object.keys(error).sort(), ['code', 'message', 'param', 'type'])
  const keys = path.startsWith('/v1/messages') ? ['type', 'error', 'request_id'] : ['error']
  assert.deepEqual(Object.keys(body), keys)
  assert.equal(error.code, code)
}

describe('http-gateway policy, on every route', () => {
  let test: TestGateway
  let url: string

  before(async () => {
    test = testGateway({ bodyLimit: 4000, apiKeys: ['key'] })
    await test.http.start()
    url = test.http.url
  })
  after(async () => {
    await test.http.stop()
  })
  afterEach(() => {
    assert.equal(test.consumer.requests.length, 0)
    assert.equal(test.listings.length, 0)
  })

  const authorization = 'Bearer key'
  const everywhere: [string, Record<string, string | undefined>, number, string][] = [
    ['a name for 127.0.0.1 elsewhere', { host: 'evil.example' }, 403, 'host_not_allowed'],
    ['an address of the LAN', { host: '10.0.0.7:17475' }, 403, 'host_not_allowed'],
    ['0.0.0.0', { host: '0.0.0.0:17475' }, 403, 'host_not_allowed'],
    ['no host', { host: undefined }, 400, 'host_missing'],
    ['a page elsewhere', { origin: 'https://evil.example' }, 403, 'origin_not_allowed'],
    ['a page that has no origin', { origin: 'null' }, 403, 'origin_not_allowed'],
    ['an extension', { origin: 'chrome-extension://abc' }, 403, 'origin_not_allowed'],
    ['a request across sites', { 'sec-fetch-site': 'cross-site' }, 403, 'origin_not_allowed'],
    ['a request of the same site', { 'sec-fetch-site': 'same-site' }, 403, 'origin_not_allowed']
  ]
  for (const [what, headers, status, code] of everywhere) {
    it(`refuses ${what}, with a key or without`, async () => {
      for (const { method, path } of ROUTES) {
        const body = method === 'POST' ? '{}' : ''
        for (const key of [{}, { authorization }]) {
          const reply = await probe(url, { method, path, body, headers: { ...headers, ...key } })
          assertRefused(path, reply, status, code)
          assert.equal(reply.headers.get('access-control-allow-origin'), undefined)
        }
      }
    })
  }

  it('wants a key, but for the page that asks for one', async () => {
    for (const { method, path, public: open } of ROUTES) {
      if (open === true && path !== '/') continue
      for (const headers of [{}, { authorization: 'Bearer wrong' }, { 'x-api-key': '' }]) {
        const reply = await probe(url, { method, path, headers, body: method === 'POST' ? '{}' : '' })
        if (path === '/') assert.equal(reply.status, 200)
        else assertRefused(path, reply, 401, 'invalid_api_key')
      }
    }
  })

  it('refuses other methods, and names the ones that there are', async () => {
    for (const { method, path } of ROUTES) {
      for (const other of ['DELETE', 'PUT', 'PATCH', 'TRACE', method === 'GET' ? 'POST' : 'GET']) {
        if (ROUTES.some((one) => one.path === path && one.method === other)) continue
        const reply = await probe(url, { method: other, path, headers: { authorization } })
        assertRefused(path, reply, 405, 'method_not_allowed')
        assert.ok(reply.headers.get('allow')?.split(', ').includes(method))
      }
    }
  })

  const bodies: [string, Omit<Probe, 'path'>, number, string][] = [
    ['a text', { headers: { 'content-type': 'text/plain' } }, 415, 'unsupported_media_type'],
    [
      'a form',
      { headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'unsupported_media_type'
    ],
    ['an upload', { headers: { 'content-type': 'multipart/form-data' } }, 415, 'unsupported_media_type'],
    ['a body of no type', { headers: { 'content-type': undefined } }, 415, 'unsupported_media_type'],
    ['a body that is not JSON', { body: '{"model":' }, 400, 'invalid_json'],
    ['a body that is no object', { body: '[]' }, 400, 'bad_request'],
    ['a model that is no name', { body: '{"model":7}' }, 400, 'bad_request'],
    ['a large body', { body: JSON.stringify({ model: 'x'.repeat(5000) }) }, 413, 'request_too_large'],
    ['large headers', { headers: { 'x-large': 'x'.repeat(20_000) } }, 431, 'headers_too_large']
  ]
  for (const [what, request, status, code] of bodies) {
    it(`refuses ${what} at every route that takes one`, async () => {
      for (const { method, path } of POSTS) {
        // Ollama's server reads JSON whatever it is called, and its clients rely on it.
        if (code === 'unsupported_media_type' && path.startsWith('/api/')) continue
        const reply = await probe(url, {
          method,
          path,
          body: '{"model":"tiny"}',
          ...request,
          headers: { authorization, ...request.headers }
        })
        // Malformed HTTP belongs to no surface, so OpenAI's error document answers it.
        assertRefused(status === 431 ? '' : path, reply, status, code)
      }
    })
  }

  it('gives up on senders that are slow, at every route', async () => {
    const slow = testGateway({ headersTimeoutMs: 200, requestTimeoutMs: 200 })
    await slow.http.start()
    try {
      await Promise.all(
        ROUTES.map(async ({ method, path }) => {
          const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n`
          const unfinished = parseReply(await exchange(slow.http.url, head))
          assertRefused('', unfinished, 408, 'request_timeout')
          if (!POSTS.some((one) => one.path === path && one.method === method)) return
          const typed = `${head}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{`
          assertRefused('', parseReply(await exchange(slow.http.url, typed)), 408, 'request_timeout')
        })
      )
      assert.equal(slow.consumer.requests.length, 0)
    } finally {
      await slow.http.stop()
    }
  })

  it('answers no upgrade', async () => {
    for (const { path } of ROUTES.filter(({ method }) => method === 'GET')) {
      const socket = await openSocket(url)
      const answer = readAll(socket)
      const origin = 'Origin: https://evil.example\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n'
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${origin}\r\n`)
      assertRefused(path, parseReply(await answer), 403, 'origin_not_allowed')
    }
  })
})
