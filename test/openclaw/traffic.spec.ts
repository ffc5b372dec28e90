import assert from 'node:assert/strict'
import { stubOwner } from '../support/gateway/stub-owner.ts'
import { setTimeout as delay } from 'node:timers/promises'
import { gateway, type Gateway } from '../../http-gateway/index.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import type { ChatMessage, GenerateRequest } from '../../protocols/index.ts'
import { Mesh, addressesOf, contributorsKnown, idle, until } from '../support/mesh.ts'
import { SCRIPTED_MODEL, ScriptedEngine, say, type Script } from '../support/scripted-engine.ts'

const MODEL = { ...SCRIPTED_MODEL, contextLength: 262_144, capabilities: ['chat', 'tools', 'vision'] }

/** Tools as an agent sends them: 55 of them are about 100 KB. */
const TOOLS = Array.from({ length: 55 }, (_, i) => ({
  type: 'function',
  function: {
    name: `tool_${i}`,
    description: `The purpose of tool ${i}. `.repeat(60),
    parameters: {
      type: 'object',
      properties: { path: { type: 'string', description: 'A path. '.repeat(30) } },
      required: ['path']
    }
  }
}))

/** A system prompt of 29 KB, as OpenClaw's. */
const SYSTEM = { role: 'system', content: 'You are an agent; you have tools. '.repeat(880) }

type Json = Record<string, unknown>

interface Answer {
  status: number
  peer: string | null
  text: string
  calls: { id: string; name: string }[]
}

/** Sends a turn as OpenClaw does: streamed, with usage, the key and headers that it uses. */
async function send(http: Gateway, messages: Json[], rest: Json = {}, headers: Json = {}): Promise<Answer> {
  const response = await fetch(`${http.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      authorization: 'Bearer lobstah-local',
      'x-stainless-lang': 'js',
      ...(headers as Record<string, string>)
    },
    body: JSON.stringify({
      model: 'scripted:1b',
      messages,
      stream: true,
      stream_options: { include_usage: true },
      max_completion_tokens: 8192,
      ...rest
    })
  })
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith('data: {'))
  const deltas = lines.flatMap((line) => {
    const { choices = [] } = JSON.parse(line.slice(6)) as {
      choices?: { delta: { content?: string; tool_calls?: { id: string; function: { name: string } }[] } }[]
    }
    return choices.map(({ delta }) => delta)
  })
  return {
    status: response.status,
    peer: response.headers.get('x-lobstah-peer'),
    text: deltas.map(({ content = '' }) => content).join(''),
    calls: deltas.flatMap(({ tool_calls = [] }) =>
      tool_calls.map((call) => ({ id: call.id, name: call.function.name }))
    )
  }
}

/** Calls a tool first; says what the tool said once it has. */
const agent: Script = async function* (request) {
  const result = messagesOf(request).findLast(({ role }) => role === 'tool')
  if (result !== undefined) {
    yield* say(['The tool said: ', textOf(result)])
    return
  }
  yield {
    type: 'delta',
    delta: { toolCalls: [{ index: 0, id: 'call_1', name: 'tool_7', arguments: '{"path":"x"}' }] }
  }
  yield { type: 'end', finishReason: 'tool_calls', usage: { promptTokens: 7, completionTokens: 3 } }
}

function textOf(message: ChatMessage | undefined): string {
  return typeof message?.content === 'string' ? message.content : ''
}

function messagesOf(request: GenerateRequest | undefined): ChatMessage[] {
  return request?.kind === 'chat' ? request.messages : []
}

describe('openclaw: an agent’s traffic', function () {
  this.timeout(60_000)
  let mesh: Mesh
  let bootstrap: string[]
  let http: Gateway
  let consumer: Lobstah
  let engines: ScriptedEngine[]
  let contributors: Lobstah[]

  async function contribute(script: Script): Promise<Lobstah> {
    const engine = new ScriptedEngine(script, [MODEL])
    const node = await mesh.node({ bootstrap, engine, contribute: true, slots: 4, listen: ['/p2p-circuit'] })
    engines.push(engine)
    contributors.push(node)
    return node
  }

  async function begin(script: Script): Promise<void> {
    engines = []
    contributors = []
    await contribute(script)
    consumer = await mesh.node({ bootstrap })
    await contributorsKnown(consumer, 1)
    const silent = (): void => undefined
    http = gateway({ port: 0, drainMs: 0 })({
      consumer: consumer.consumer,
      ledger: consumer.ledger,
      identity: { peer: consumer.peer, publicKey: '' },
      capacity: () => ({ contributing: false, slots: 0, active: 0, queued: 0, models: [] }),
      mesh: () => ({ joins: true, connected: 2, meeting: 0 }),
      owner: stubOwner(),
      addresses: () => [],
      logger: { debug: silent, info: silent, warn: silent, error: silent }
    })
    await http.start()
  }

  /** How many answers were paid for, as the consumer's ledger shows them and as a contributor's does. */
  async function receipts(): Promise<number[]> {
    for (const contributor of contributors) await idle(contributor)
    const books = [consumer.ledger, ...contributors.map(({ ledger }) => ledger)]
    const orders = await Promise.all(
      books.map(async (book) => {
        const entries = await book.list({ limit: 1000 })
        return new Set(entries.filter(({ kind }) => kind === 'receipt').map(({ order }) => order)).size
      })
    )
    return [orders[0] ?? 0, orders.slice(1).reduce((sum, n) => sum + n, 0)]
  }

  beforeEach(async () => {
    mesh = new Mesh()
    bootstrap = addressesOf(await mesh.relay())
  })
  afterEach(async () => {
    await http.stop()
    await mesh.stop()
  })

  it('carries a turn of 130 KB with 55 tools through a relay, whole', async () => {
    await begin(() => say(['done']))
    const messages = [SYSTEM, { role: 'user', content: 'Go.' }]
    assert.ok(JSON.stringify({ messages, tools: TOOLS }).length > 130_000)
    const { text } = await send(http, messages, { tools: TOOLS, tool_choice: 'auto' })
    assert.equal(text, 'done')
    const request = engines[0]?.requests[0]
    assert.ok(request?.kind === 'chat')
    assert.deepEqual(request.tools, TOOLS)
    assert.equal(messagesOf(request)[0]?.content, SYSTEM.content)
  })

  it('carries a session of 300 KB, turn for turn', async () => {
    await begin(() => say(['ok']))
    const messages: Json[] = [SYSTEM]
    for (let i = 0; i < 90; i++) {
      messages.push({ role: 'user', content: `Question ${i}. `.repeat(150) })
      messages.push({ role: 'assistant', content: `Answer ${i}. `.repeat(100) })
    }
    messages.push({
      role: 'user',
      content: [
        { type: 'text', text: 'And ' },
        { type: 'text', text: 'now?' }
      ]
    })
    assert.ok(JSON.stringify(messages).length > 300_000)
    assert.equal((await send(http, messages)).text, 'ok')
    const got = messagesOf(engines[0]?.requests[0])
    assert.equal(got.length, messages.length)
    assert.equal(got.at(-1)?.content, 'And now?')
  })

  it('carries images of megabytes', async () => {
    await begin(() => say(['A lobster.']))
    const url = `data:image/png;base64,${Buffer.alloc(3 << 20, 7).toString('base64')}`
    const content = [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url } }
    ]
    assert.equal((await send(http, [SYSTEM, { role: 'user', content }])).text, 'A lobster.')
    assert.deepEqual(messagesOf(engines[0]?.requests[0])[1]?.content, content)
  })

  it('goes through a tool loop whose ids the client has rewritten', async () => {
    await begin(agent)
    const messages: Json[] = [SYSTEM, { role: 'user', content: 'Use tool 7.' }]
    const { calls } = await send(http, messages, { tools: TOOLS })
    assert.equal(calls[0]?.name, 'tool_7')
    // As OpenClaw sends it back: the id without its underscore, a user's message last.
    const id = calls[0].id.replaceAll('_', '')
    messages.push(
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id, type: 'function', function: { name: 'tool_7', arguments: '{"path":"x"}' } }]
      },
      { role: 'tool', tool_call_id: id, content: '42' },
      { role: 'user', content: 'Go on.' }
    )
    assert.equal((await send(http, messages, { tools: TOOLS })).text, 'The tool said: 42')
    assert.deepEqual(await receipts(), [2, 2])
  })

  it('bills a turn that is sent again once more, as an answer of its own', async () => {
    await begin(() => say(['again']))
    const messages = [SYSTEM, { role: 'user', content: 'Once.' }]
    await send(http, messages)
    assert.deepEqual(await receipts(), [1, 1])
    await send(http, messages)
    assert.deepEqual(await receipts(), [2, 2])
    // Shown as what they are: two orders for the same request.
    const orders = (await consumer.ledger.list({ limit: 100 }))
      .filter(({ kind }) => kind === 'order')
      .map(({ record }) => JSON.parse(Buffer.from(record.payload).toString()) as Json)
    assert.equal(new Set(orders.map(({ id }) => id)).size, 2)
    assert.equal(new Set(orders.map(({ requestHash }) => requestHash)).size, 1)
    const { earned } = (await contributors[0]?.ledger.balance()) ?? {}
    assert.equal((await consumer.ledger.balance()).spent, earned)
  })

  it('answers turns at the same time, each its own', async () => {
    await begin((request) => say(['You said ', textOf(messagesOf(request).at(-1))]))
    const asked = Array.from({ length: 8 }, (_, i) => `turn ${i}`)
    const answers = await Promise.all(asked.map((content) => send(http, [SYSTEM, { role: 'user', content }])))
    assert.deepEqual(
      answers.map(({ text }) => text),
      asked.map((content) => `You said ${content}`)
    )
    assert.deepEqual(await receipts(), [8, 8])
  })

  describe('keeps a session with the peer that has its prompt cached', () => {
    /** An engine that reads ten prompt tokens a millisecond, and none again that the prompt before began with. */
    function caching(): Script {
      let read = ''
      return async function* (request) {
        const prompt = messagesOf(request).map(textOf).join('\n')
        let cached = 0
        while (cached < read.length && read[cached] === prompt[cached]) cached++
        read = prompt
        await delay((prompt.length - cached) / 4 / 10)
        yield { type: 'delta', delta: { content: 'ok', tokens: 1 } }
        const usage = { promptTokens: Math.ceil(prompt.length / 4), completionTokens: 1 }
        yield { type: 'end', finishReason: 'stop', usage }
      }
    }

    /** A session with one peer, and another that came later, is as fast, and was never asked. */
    async function beginAlone(messages: Json[], headers: Json = {}): Promise<string> {
      await begin(caching())
      await send(http, messages, {}, headers)
      await contribute(caching())
      // By itself it would look again within 20 s.
      await until(async () => {
        await consumer.directory.find(MODEL.id)
        return consumer.directory.contributors().length === 2
      })
      return contributors[0]?.peer ?? ''
    }

    it('by how its prompt begins', async () => {
      const messages: Json[] = [SYSTEM, { role: 'user', content: 'first' }]
      const first = await beginAlone(messages)
      for (let i = 0; i < 6; i++) {
        messages.push({ role: 'assistant', content: 'ok' }, { role: 'user', content: `and ${i}?` })
        assert.equal((await send(http, messages)).peer, first)
      }
    })

    it('by the name that the client gives it', async () => {
      const headers = { 'x-session-affinity': 'session-1' }
      const first = await beginAlone([SYSTEM, { role: 'user', content: 'first' }], headers)
      for (let i = 0; i < 6; i++) {
        const compacted = [SYSTEM, { role: 'user', content: `another beginning ${i}` }]
        assert.equal((await send(http, compacted, {}, headers)).peer, first)
      }
    })

    it('and moves it when that peer is gone', async () => {
      const messages = [SYSTEM, { role: 'user', content: 'first' }]
      await beginAlone(messages)
      await contributors[0]?.stop()
      const other = contributors[1]?.peer
      assert.equal((await send(http, messages)).peer, other)
      assert.equal((await send(http, messages)).peer, other)
    })
  })
})
