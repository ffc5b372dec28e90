import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { explained, type Target } from '../../openclaw/explain.ts'
import type { AssistantEvent, AssistantMessage, AssistantStream } from '../../openclaw/host.ts'

const MODEL = { id: 'llama3.2:3b', api: 'openai-completions', provider: 'lobstah' }

const message = (more: Partial<AssistantMessage> = {}): AssistantMessage => ({
  role: 'assistant',
  content: [],
  ...{ api: MODEL.api, provider: MODEL.provider, model: MODEL.id },
  usage: {},
  stopReason: 'error',
  timestamp: 0,
  ...more
})

/** A turn's stream of these events, the last of which holds the whole message. */
function stream(events: AssistantEvent[]): AssistantStream {
  const last = events.at(-1)
  assert.ok(last?.type === 'done' || last?.type === 'error')
  return {
    async *[Symbol.asyncIterator]() {
      yield* events
    },
    result: () => Promise.resolve(last.type === 'done' ? last.message : last.error)
  }
}

const failing = (errorMessage: string): AssistantStream =>
  stream([
    { type: 'start', partial: message() },
    { type: 'error', reason: 'error', error: message({ errorMessage }) }
  ])

describe('openclaw/explain', () => {
  let server: Server
  let target: Target
  let answers: Record<string, { status: number; body: string }>

  beforeEach(async () => {
    answers = {}
    server = createServer((request, response) => {
      const { status, body } = answers[request.url ?? ''] ?? { status: 404, body: '<html>' }
      response.writeHead(status).end(body)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    target = { baseUrl: `http://127.0.0.1:${port}/v1`, apiKey: undefined, command: undefined }
  })
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  const lists = (models: string[], joins = true): void => {
    answers['/v1/models'] = { status: 200, body: JSON.stringify({ data: models.map((id) => ({ id })) }) }
    answers['/mesh'] = { status: 200, body: JSON.stringify({ joins, meeting: 0 }) }
  }
  /** The text that the user reads after a turn, or the failure that OpenClaw gets. */
  async function turn(send: () => AssistantStream | Promise<AssistantStream>): Promise<string> {
    const wrapped = await explained(send, () => target)(MODEL, {})
    let last: AssistantEvent | undefined
    for await (const event of wrapped) last = event
    const whole = await wrapped.result()
    if (last?.type === 'error') {
      assert.equal(whole.stopReason, 'error')
      return `failed: ${last.error.errorMessage}`
    }
    assert.ok(last?.type === 'done')
    assert.deepEqual(last.message, whole)
    assert.equal(whole.errorMessage, undefined)
    return whole.content.map(({ text }) => text).join('')
  }

  it('passes an answer and a failure in its middle on as they are', async () => {
    const good = message({ stopReason: 'stop', content: [{ type: 'text', text: 'hello' }] })
    assert.equal(await turn(() => stream([{ type: 'done', reason: 'stop', message: good }])), 'hello')
    const broken = message({ content: [{ type: 'text', text: 'hel' }], errorMessage: 'Connection error.' })
    server.close()
    const events: AssistantEvent[] = [{ type: 'error', reason: 'error', error: broken }]
    assert.equal(await turn(() => stream(events)), 'failed: Connection error.')
  })

  it('says that no node answers, and how to start one', async () => {
    server.close()
    await once(server, 'close')
    assert.match(
      await turn(() => failing('Connection error.')),
      /^⚠️ Lobstah grid: No lobstah-node answers at .*run "lobstah-node" in a terminal, or install it/
    )
    target.command = '/bin/lobstah-node --gateway-port 17475'
    assert.match(
      await turn(() => failing('Connection error.')),
      /does not answer at .*: run "\/bin\/lobstah-node --gateway-port 17475" in a terminal/
    )
  })

  it('says why the node that OpenClaw starts ended', async () => {
    server.close()
    await once(server, 'close')
    target.command = '/bin/lobstah-node'
    const raw =
      'lobstah local service exited before readiness with code=1\nlobstah-node: Port 17475 is in use: choose another by --gateway-port\n'
    const told = await turn(() => Promise.reject(new Error(raw)))
    assert.match(told, /does not answer at .*: Port 17475 is in use: choose another by --gateway-port\./)
  })

  it('tells another program from a node, and a node that wants another key', async () => {
    assert.match(await turn(() => failing('404 status code (no body)')), /answered by another program/)
    answers['/v1/models'] = { status: 401, body: '{}' }
    assert.match(await turn(() => failing('401 no key')), /rejects this API key: set LOBSTAH_API_KEY/)
  })

  it('gives the node’s own words on a model that nobody serves, with those that can be reached', async () => {
    lists(['qwen3:8b'])
    const told = await turn(() => failing('404 llama3.2:3b was served by ann until 22:01; ask for another'))
    assert.match(told, /served by ann until 22:01; ask for another.*Available models: lobstah\/qwen3:8b\./)
    lists([])
    assert.match(await turn(() => failing('404 ')), /Nobody serves llama3\.2:3b now.*lobstah-node peers/)
  })

  it('says that a node that asks nobody has no model, and leaves a busy mesh to OpenClaw', async () => {
    lists([], false)
    const raw = '503 Nobody serves llama3.2:3b; Retry-After: 2 seconds'
    assert.match(await turn(() => failing(raw)), /start an engine on this machine, or say yes to Discover/)
    lists(['llama3.2:3b'])
    assert.equal(await turn(() => failing(raw)), `failed: ${raw}`)
    assert.equal(await turn(() => failing('400 too long')), 'failed: 400 too long')
  })

  it('gives the node’s words on credit that has run out', async () => {
    lists(['llama3.2:3b'])
    const told = await turn(() => failing('402 You owe ann 48 credits: contribute, or ask another'))
    assert.match(told, /You owe ann 48 credits: contribute, or ask another/)
  })
})
