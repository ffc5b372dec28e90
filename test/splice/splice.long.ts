/** Answers whose contributor is lost at a random place: whole all the same, on every surface and on real engines. */
import assert from 'node:assert/strict'
import type { Gateway } from '../../http-gateway/index.ts'
import { openaiEngine, type Engine, type EngineEvent } from '../../node/engines/index.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import { EngineFailedError, type GenerateRequest, type InferenceRequest } from '../../protocols/index.ts'
import { LlamaServer } from '../engines/llama-server.ts'
import { gatewayOf } from '../support/gateway/mesh-gateway.ts'
import { readSse } from '../support/gateway/sse.ts'
import { Mesh, addressesOf, collect, contributorsKnown, textOf, until } from '../support/mesh.ts'
import { SCRIPTED_MODEL, ScriptedEngine, type Script } from '../support/scripted-engine.ts'

const RUNS = Number(process.env.SPLICE_RUNS ?? 30)
/** Of the answers at temperature 0, the part that must be the same text as an unbroken one. */
const IDENTICAL = 0.95
/** Where `test/engines/fetch.sh` put a server and a model. */
const FOLDER = process.env.LOBSTAH_TEST_ENGINES
const WORDS = 120
const WHOLE = Array.from({ length: WORDS }, (_, i) => (i === 0 ? 'w0' : ` w${i}`)).join('')
const MODEL = { ...SCRIPTED_MODEL, capabilities: [...SCRIPTED_MODEL.capabilities, 'continue' as const] }

/** Numbers from 0 to 1, always the same. */
function random(seed: number): () => number {
  return () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed / 2 ** 32
  }
}

/** The part of the answer that a request already contains. */
function soFar(request: GenerateRequest): string {
  const last = request.kind === 'chat' ? request.messages.at(-1) : undefined
  const continued = request.kind === 'chat' && request.continue_final_message === true ? last?.content : ''
  const text = request.kind === 'completion' ? request.prompt : continued
  const at = typeof text === 'string' ? text.indexOf('w0') : -1
  return typeof text === 'string' && at >= 0 ? text.slice(at) : ''
}

/** A gateway of a node that knows two contributors with the same engines. */
async function pair(
  mesh: Mesh,
  engines: [Engine, Engine]
): Promise<{ node: Lobstah; both: Lobstah[]; http: Gateway }> {
  const both = await Promise.all(
    engines.map((engine) =>
      mesh.node({ engine, contribute: true, listen: ['/ip4/127.0.0.1/tcp/0'], slots: 4 })
    )
  )
  const node = await mesh.node({ bootstrap: both.flatMap(addressesOf) })
  await contributorsKnown(node, 2)
  const http = gatewayOf(node)
  await http.start()
  return { node, both, http }
}

interface Surface {
  path: string
  body: object
  /** The text of a stream, and how often it ended. */
  read: (stream: string) => { text: string; ends: number }
}

interface Event {
  type?: string
  delta?: { text?: string } | string
  choices?: { delta?: { content?: string }; text?: string; finish_reason?: string | null }[]
}

function events(stream: string): Event[] {
  return readSse(stream)
    .data.filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data) as Event)
}

const MESSAGES = [{ role: 'user', content: 'Count' }]

const SURFACES: Record<string, Surface> = {
  'chat completions': {
    path: '/v1/chat/completions',
    body: { messages: MESSAGES },
    read: (stream) => {
      const choices = events(stream).flatMap(({ choices = [] }) => choices)
      return {
        text: choices.map(({ delta }) => delta?.content ?? '').join(''),
        ends: choices.filter(({ finish_reason: reason }) => reason === 'stop').length
      }
    }
  },
  completions: {
    path: '/v1/completions',
    body: { prompt: 'Count: ' },
    read: (stream) => {
      const choices = events(stream).flatMap(({ choices = [] }) => choices)
      return {
        text: choices.map(({ text }) => text ?? '').join(''),
        ends: choices.filter(({ finish_reason: reason }) => reason === 'stop').length
      }
    }
  },
  responses: {
    path: '/v1/responses',
    body: { input: 'Count' },
    read: (stream) => {
      const all = events(stream)
      return {
        text: all
          .map(({ type, delta }) =>
            type === 'response.output_text.delta' && typeof delta === 'string' ? delta : ''
          )
          .join(''),
        ends: all.filter(({ type }) => type === 'response.completed').length
      }
    }
  },
  messages: {
    path: '/v1/messages',
    body: { messages: MESSAGES, max_tokens: 1000 },
    read: (stream) => {
      const all = events(stream)
      return {
        text: all.map(({ delta }) => (typeof delta === 'object' ? (delta.text ?? '') : '')).join(''),
        ends: all.filter(({ type }) => type === 'message_stop').length
      }
    }
  },
  "Ollama's chat": {
    path: '/api/chat',
    body: { messages: MESSAGES },
    read: (stream) => {
      const lines = stream
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { message?: { content?: string }; done?: boolean })
      return {
        text: lines.map(({ message }) => message?.content ?? '').join(''),
        ends: lines.filter(({ done }) => done).length
      }
    }
  }
}

describe('an engine that numbers its words', function () {
  this.timeout(300_000)
  const next = random(7)
  let mesh: Mesh
  let http: Gateway
  /** Where the contributor asked first is lost, in characters. */
  let cut: number

  before(async () => {
    mesh = new Mesh()
    const script: Script = async function* (request): AsyncGenerator<EngineEvent> {
      for (let at = soFar(request).length; ;) {
        // The cut may come in the last piece, or between it and the end.
        if (at >= cut) {
          cut = Infinity
          throw new EngineFailedError('killed')
        }
        if (at >= WHOLE.length) break
        // Pieces that are no words, as tokens are.
        const length = 1 + Math.floor(next() * 5)
        yield { type: 'delta', delta: { content: WHOLE.slice(at, at + length), tokens: 1 } }
        at += length
      }
      yield { type: 'end', finishReason: 'stop', usage: { promptTokens: 7, completionTokens: WORDS } }
    }
    const engine = (): Engine => new ScriptedEngine(script, [MODEL])
    ;({ http } = await pair(mesh, [engine(), engine()]))
  })
  after(async () => {
    await http.stop()
    await mesh.stop()
  })

  for (const [name, { path, body, read }] of Object.entries(SURFACES)) {
    it(`has no repeat, no gap and one end in ${RUNS} answers of ${name}`, async () => {
      for (let run = 0; run < RUNS; run++) {
        cut = Math.floor(next() * WHOLE.length)
        const at = cut
        const response = await fetch(`${http.url}${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model: MODEL.id, stream: true, ...body })
        })
        const stream = await response.text()
        assert.equal(response.status, 200, stream)
        assert.deepEqual(read(stream), { text: WHOLE, ends: 1 }, `cut at ${at}`)
        assert.equal(cut, Infinity, 'nobody was lost')
      }
    })
  }
})

describe("llama.cpp's server", function () {
  this.timeout(900_000)
  let server: LlamaServer
  const mesh = new Mesh()
  let node: Lobstah
  let both: Lobstah[]
  let http: Gateway | undefined

  before(async function () {
    if (FOLDER === undefined) return this.skip()
    server = new LlamaServer(FOLDER, 'chat')
    await server.start()
    const engine = (): Engine => openaiEngine({ url: `${server.url}/v1` })
    ;({ node, both, http } = await pair(mesh, [engine(), engine()]))
  })
  after(async () => {
    await http?.stop()
    await mesh.stop()
    if (FOLDER !== undefined) await server.kill()
  })

  it(`gives the text of an unbroken answer in ${IDENTICAL * 100}% of ${RUNS} answers`, async () => {
    const next = random(11)
    const topics = ['the sea', 'a clock', 'bread', 'the moon', 'a lighthouse', 'winter']
    let identical = 0
    for (let run = 0; run < RUNS; run++) {
      const [model] = node.consumer.models()
      const topic = topics[run % topics.length]!
      const request: InferenceRequest = {
        kind: 'chat',
        model: model!.id,
        messages: [{ role: 'user', content: `Write a long story about ${topic}.` }],
        temperature: 0,
        max_tokens: 110
      }
      const whole = textOf(await collect(node.consumer.infer(request)))
      const at = 1 + Math.floor(next() * 100)
      identical += (await broken(request, at)) === whole ? 1 : 0
    }
    process.stdout.write(`      ${identical} of ${RUNS} identical\n`)
    assert.ok(identical >= IDENTICAL * RUNS, `${identical} of ${RUNS}`)
  })

  /** The text of an answer whose contributor is cut off after so many deltas. */
  async function broken(request: InferenceRequest, at: number): Promise<string> {
    let [peer, text, deltas] = ['', '', 0]
    const askedFirst: string[] = []
    for await (const event of node.consumer.infer(request)) {
      if (event.type === 'accepted') {
        peer = event.peer
        askedFirst.push(peer)
      }
      if (event.type !== 'delta') continue
      text += event.delta.content ?? ''
      if (++deltas !== at) continue
      for (const connection of node.libp2p.getConnections())
        if (connection.remotePeer.toString() === peer) connection.abort(new RangeError('killed'))
    }
    assert.ok(askedFirst.length > 1 || deltas < at, 'nobody was lost')
    await Promise.all(
      both.map(async ({ libp2p }) => {
        if (node.libp2p.getConnections(libp2p.peerId).length === 0)
          await node.libp2p.dial(libp2p.getMultiaddrs())
      })
    )
    await until(() => node.directory.contributors().length === 2)
    return text
  }
})
