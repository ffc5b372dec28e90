import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Gateway } from '../../http-gateway/index.ts'
import type { Explanation } from '../../node/consumer/index.ts'
import { lastResort } from '../../node/last-resort.ts'
import type { Lobstah, LobstahInit } from '../../node/lobstah.ts'
import { BadRequestError, BusyError, type ModelInfo } from '../../protocols/index.ts'
import { gatewayOf } from '../support/gateway/mesh-gateway.ts'
import { Mesh, addressesOf, contributorsKnown } from '../support/mesh.ts'
import { SCRIPTED_MODEL, ScriptedEngine, say, type Script } from '../support/scripted-engine.ts'

const KEY = 'sk-secret-of-the-last-resort'

function model(id: string, digit: string, fields: Partial<ModelInfo> = {}): ModelInfo {
  return { ...SCRIPTED_MODEL, id, digest: `sha256:${digit.repeat(64)}`, ...fields }
}

/** A body of each surface that generates, the field of its answer that names the model, and what streams it. */
const SURFACES: [path: string, body: object, modelOf: (answer: never) => string][] = [
  [
    '/v1/chat/completions',
    { messages: [{ role: 'user', content: 'hi' }] },
    (a: { model: string }) => a.model
  ],
  ['/v1/completions', { prompt: 'hi' }, (a: { model: string }) => a.model],
  ['/v1/responses', { input: 'hi' }, (a: { model: string }) => a.model],
  [
    '/v1/messages',
    { max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] },
    (a: { model: string }) => a.model
  ],
  [
    '/api/chat',
    { stream: false, messages: [{ role: 'user', content: 'hi' }] },
    (a: { model: string }) => a.model
  ],
  ['/api/generate', { stream: false, prompt: 'hi' }, (a: { model: string }) => a.model],
  ['/v1/embeddings', { input: 'hi' }, (a: { model: string }) => a.model],
  ['/api/embed', { input: 'hi' }, (a: { model: string }) => a.model]
]

describe('names of models', function () {
  this.timeout(60_000)

  let mesh: Mesh
  let gateways: Gateway[]
  let big: ScriptedEngine
  let small: ScriptedEngine
  let bigPeer: Lobstah
  let smallPeer: Lobstah
  let bootstrap: string[]

  before(async () => {
    mesh = new Mesh()
    gateways = []
    bootstrap = addressesOf(await mesh.relay())
    big = new ScriptedEngine(
      () => say(['big']),
      [model('qwen3:32b', 'a', { parameters: 32e9 }), model('shared:1b', 'c')]
    )
    small = new ScriptedEngine(
      () => say(['small']),
      [
        model('qwen3:8b', 'b', {
          parameters: 8e9,
          capabilities: ['chat', 'completion', 'embedding', 'vision']
        }),
        model('shared:1b', 'd')
      ]
    )
    bigPeer = await contributor(big)
    smallPeer = await contributor(small)
  })

  after(async () => {
    await Promise.all(gateways.map((http) => http.stop()))
    await mesh.stop()
  })

  beforeEach(() => {
    big.script = () => say(['big'])
    small.script = () => say(['small'])
  })

  const contributor = (engine: ScriptedEngine): Promise<Lobstah> =>
    mesh.node({ bootstrap, engine, contribute: true, listen: ['/p2p-circuit'], punch: false })

  async function asks(init: Partial<LobstahInit> = {}): Promise<Gateway> {
    const node = await mesh.node({ bootstrap, punch: false, ...init })
    await contributorsKnown(node, 2)
    const http = gatewayOf(node)
    await http.start()
    gateways.push(http)
    return http
  }

  const post = async (
    http: Gateway,
    path: string,
    body: object,
    headers: Record<string, string> = {}
  ): Promise<{ status: number; headers: Headers; text: string; json: () => never }> => {
    const response = await fetch(http.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body)
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) as never }
  }
  const chat = (http: Gateway, name: string, rest: object = {}, headers = {}): ReturnType<typeof post> =>
    post(
      http,
      '/v1/chat/completions',
      { model: name, messages: [{ role: 'user', content: 'hi' }], ...rest },
      headers
    )

  it('takes an alias and a fallback on every surface, and says what served', async () => {
    const http = await asks({ naming: { aliases: { 'gpt-4o': 'qwen3:8b' }, fallback: ['qwen3:8b'] } })
    for (const [path, body, modelOf] of SURFACES) {
      const aliased = await post(http, path, { model: 'gpt-4o', ...body })
      assert.equal(aliased.status, 200, aliased.text)
      assert.equal(modelOf(aliased.json()), 'qwen3:8b')
      assert.match(aliased.headers.get('x-lobstah-route') ?? '', /^relayed;why=only;of=1;as=alias$/)
      const fallen = await post(http, path, { model: 'nobody:1b', ...body })
      assert.equal(fallen.status, 200, fallen.text)
      assert.equal(modelOf(fallen.json()), 'qwen3:8b')
      assert.match(fallen.headers.get('x-lobstah-route') ?? '', /;link=2$/)
    }
  })

  it('asks the peer and the digest that a name ends with', async () => {
    const http = await asks({ naming: { petnames: { mia: smallPeer.peer } } })
    for (const [name, peer] of [
      ['shared:1b@cccccc', bigPeer.peer],
      ['shared:1b@sha256:dddddddd', smallPeer.peer],
      ['shared:1b@mia', smallPeer.peer],
      [`shared:1b@${bigPeer.peer}`, bigPeer.peer],
      [`shared:1b@${bigPeer.peer.slice(0, 20)}`, bigPeer.peer],
      ['auto@mia', smallPeer.peer]
    ] as const) {
      const answer = await chat(http, name)
      assert.equal(answer.status, 200, answer.text)
      assert.equal(answer.headers.get('x-lobstah-peer'), peer, name)
    }
    const unknown = await chat(http, 'shared:1b@eeeeee')
    assert.equal(unknown.status, 404)
    assert.match(unknown.text, /begins with eeeeee.*cccc.*dddd|begins with eeeeee.*dddd.*cccc/)
    assert.equal((await chat(http, 'shared:1b@nobody')).status, 404)
  })

  it('chooses the largest model that can do what is asked for auto', async () => {
    const http = await asks()
    assert.equal((await chat(http, 'auto')).json()['model'], 'qwen3:32b')
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }
    const seen = await chat(http, 'auto', { messages: [{ role: 'user', content: [image] }] })
    assert.equal(seen.json()['model'], 'qwen3:8b', seen.text)
    const tools = [{ type: 'function', function: { name: 'f' } }]
    const refused = await chat(http, 'auto', { tools })
    assert.equal(refused.status, 404)
    assert.match(refused.text, /tools/)
  })

  it('lists aliases and auto, and names the nearest for an unknown name', async () => {
    const http = await asks({ naming: { aliases: { 'gpt-4o': 'qwen3:8b', gone: 'nobody:1b' } } })
    const { data } = (await (await fetch(`${http.url}/v1/models`)).json()) as {
      data: { id: string; lobstah: { model?: string } }[]
    }
    assert.deepEqual(
      data.map(({ id, lobstah }) => [id, lobstah.model]),
      [
        ['qwen3:32b', undefined],
        ['qwen3:8b', undefined],
        ['shared:1b', undefined],
        ['gpt-4o', 'qwen3:8b'],
        ['auto', 'qwen3:32b']
      ]
    )
    assert.match((await chat(http, 'gpt-4')).text, /did you mean 'gpt-4o'/)
    assert.equal((await chat(http, 'Qwen3:8B')).status, 404)
    const folded = await post(http, '/api/chat', {
      model: 'library/Qwen3:8B',
      stream: false,
      messages: [{ role: 'user', content: 'hi' }]
    })
    assert.equal(folded.status, 200, folded.text)
  })

  it('tries the chain of a header and of a body in order, and no other model after the first byte', async () => {
    const http = await asks()
    const header = await chat(
      http,
      'nobody:1b',
      {},
      { 'x-lobstah-fallback': 'nobody:2b, qwen3:32b, qwen3:8b' }
    )
    assert.equal(header.json()['model'], 'qwen3:32b')
    const { text } = await post(http, '/v1/chat/completions', {
      models: ['nobody:1b', 'qwen3:8b'],
      messages: [{ role: 'user', content: 'hi' }]
    })
    assert.equal((JSON.parse(text) as { model: string }).model, 'qwen3:8b')
    big.script = async function* () {
      yield { type: 'delta', delta: { content: 'begun ', tokens: 1 } }
      throw new BadRequestError('broken')
    }
    const broken = await chat(http, 'qwen3:32b', {}, { 'x-lobstah-fallback': 'qwen3:8b' })
    assert.notEqual(broken.status, 200)
    assert.doesNotMatch(broken.text, /small/)
  })

  it('waits for a busy model until the deadline, then asks the next', async () => {
    const http = await asks({ naming: { fallback: ['qwen3:8b'], fallbackAfterMs: 2500 } })
    let refusals = 0
    big.script = () => {
      refusals++
      throw new BusyError('full', { retryAfterMs: 100 })
    }
    const answer = await chat(http, 'qwen3:32b')
    assert.equal(answer.json()['model'], 'qwen3:8b')
    assert.ok(refusals > 1, `asked ${refusals} times`)
    const endless: Script = async function* (_request, signal) {
      yield { type: 'delta', delta: { content: 'x', tokens: 1 } }
      await delay(60_000, undefined, { signal })
    }
    big.script = endless
    const abort = new AbortController()
    const running = fetch(`${http.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      signal: abort.signal,
      body: JSON.stringify({ model: 'qwen3:32b', stream: true, messages: [{ role: 'user', content: 'go' }] })
    })
    await (await running).body?.getReader().read()
    const queued = await chat(http, 'qwen3:32b', { stream: true })
    assert.match(queued.text, /"model":"qwen3:8b"/)
    assert.doesNotMatch(queued.text, /qwen3:32b/)
    abort.abort()
  })

  it('explains a recent request by its id, and a model with its candidates', async () => {
    const http = await asks()
    await chat(http, 'qwen3:8b', {}, { 'x-request-id': 'mine-1' })
    const read = async (path: string): Promise<{ explanations: Explanation[] }> =>
      (await (await fetch(http.url + path)).json()) as { explanations: Explanation[] }
    const [request] = (await read('/explain/mine-1')).explanations
    assert.equal(request?.served?.peer, smallPeer.peer)
    assert.deepEqual(
      request.links[0]?.attempts.map(({ outcome }) => outcome),
      ['answered']
    )
    const [model] = (await read('/explain/shared:1b')).explanations
    const candidates = model?.links[0]?.candidates ?? []
    assert.deepEqual(candidates.map(({ peer }) => peer).sort(), [bigPeer.peer, smallPeer.peer].sort())
    assert.ok(candidates.every(({ terms }) => terms.decode > 0))
    assert.equal((await read('/explain')).explanations.length, 1)
    assert.equal((await fetch(`${http.url}/explain/nobody:1b`)).status, 404)
  })

  describe('with a last resort', () => {
    let server: Server
    let url: string
    let seen: IncomingMessage[]
    let bodies: { model: string; stream?: boolean; input?: string[] }[]
    let status: number

    before(async () => {
      server = createServer((request, response) => {
        seen.push(request)
        let text = ''
        request.on('data', (piece: Buffer) => (text += piece.toString()))
        request.on('end', () => {
          const body = JSON.parse(text) as (typeof bodies)[number]
          bodies.push(body)
          if (status !== 200) {
            response.writeHead(status, { location: `${url}/elsewhere`, 'content-type': 'application/json' })
            response.end(JSON.stringify({ error: { message: `no: ${request.headers.authorization}` } }))
          } else if (body.input !== undefined) {
            response.writeHead(200, { 'content-type': 'application/json' })
            response.end(
              JSON.stringify({ data: [{ index: 0, embedding: [1, 2] }], usage: { prompt_tokens: 1 } })
            )
          } else {
            response.writeHead(200, { 'content-type': 'text/event-stream' })
            const choice = { index: 0, delta: { content: 'far' }, text: 'far', finish_reason: 'stop' }
            response.end(`data: ${JSON.stringify({ choices: [choice] })}\n\ndata: [DONE]\n\n`)
          }
        })
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    })
    beforeEach(() => {
      ;[seen, bodies, status] = [[], [], 200]
    })
    after(() => {
      server.closeAllConnections()
      server.close()
    })

    const resort = (): ReturnType<typeof lastResort> =>
      lastResort({ url: `${url}/v1`, apiKey: KEY, models: { 'nobody:1b': 'far-1', '*': 'far-any' } })

    it('is asked on every surface when the mesh cannot serve, and marked', async () => {
      const http = await asks({ lastResort: resort() })
      for (const [path, body, modelOf] of SURFACES) {
        const answer = await post(http, path, { model: 'nobody:1b', ...body })
        assert.equal(answer.status, 200, `${path} ${answer.text}`)
        assert.match(answer.headers.get('x-lobstah-route') ?? '', /^last-resort;why=mesh-failed;of=1;link=2$/)
        assert.equal(modelOf(answer.json()), 'far-1', path)
        assert.equal(answer.headers.get('x-lobstah-receipt'), null)
      }
      const streamed = await chat(http, 'other', { stream: true })
      assert.match(streamed.text, /"model":"far-any"/)
      assert.match(streamed.text, /\[DONE\]/)
      assert.ok(seen.every(({ headers }) => headers.authorization === `Bearer ${KEY}`))
      const before = seen.length
      assert.equal((await chat(http, 'qwen3:8b')).json()['model'], 'qwen3:8b')
      assert.equal(seen.length, before)
    })

    it('is not asked for what names its peer or digest, nor where the request says no', async () => {
      const http = await asks({ lastResort: resort(), naming: { petnames: { mia: smallPeer.peer } } })
      for (const name of ['nobody:1b@mia', 'shared:1b@eeeeee'])
        assert.ok((await chat(http, name)).status >= 400, name)
      assert.equal((await chat(http, 'nobody:1b', {}, { 'x-lobstah-fallback': 'off' })).status, 404)
      assert.equal(seen.length, 0)
    })

    it('takes no redirect along, and shows no key in an error', async () => {
      const http = await asks({ lastResort: resort() })
      for (status of [307, 401, 500]) {
        const answer = await chat(http, 'nobody:1b')
        assert.ok(answer.status >= 400)
        assert.match(answer.text, /last resort failed/)
        assert.doesNotMatch(answer.text, /sk-secret/)
      }
      assert.ok(seen.every((request) => request.url === '/v1/chat/completions'))
    })
  })
})
