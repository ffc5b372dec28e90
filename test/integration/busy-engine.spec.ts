import assert from 'node:assert/strict'
import { ollamaEngine, openaiEngine, type Engine } from '../../node/engines/index.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import type { AnswerEvent, InferenceRequest } from '../../protocols/index.ts'
import { startOllamaServer, type OllamaServer } from '../support/engines/ollama-server.ts'
import { startOpenaiServer, type OpenaiServer } from '../support/engines/openai-server.ts'
import { endless, nextTurn, type FakeScript } from '../support/engines/script.ts'
import { Mesh, addressesOf, collect, contributorsKnown, idle, textOf, until } from '../support/mesh.ts'

/** Never answers a prompt that says to hold on, which is what a long prompt looks like; writes on and on if told so. */
const script: FakeScript = ({ text }) => {
  if (text.includes('hold on')) return { text: 'too late', gate: () => new Promise(() => undefined) }
  if (text.includes('endless')) return { text: endless(), gate: nextTurn }
  return { text: 'answered' }
}

describe('an engine that works on after a cancel', () => {
  let mesh: Mesh
  let contributor: Lobstah
  let consumer: Lobstah
  let server: OllamaServer | OpenaiServer

  beforeEach(() => {
    mesh = new Mesh()
  })
  afterEach(() => Promise.all([server.close(), mesh.stop()]))

  async function serve(engine: Engine): Promise<void> {
    const bootstrap = addressesOf(await mesh.relay())
    const listen = ['/ip4/127.0.0.1/tcp/0']
    contributor = await mesh.node({ bootstrap, engine, contribute: true, slots: 1, listen })
    consumer = await mesh.node({ bootstrap })
    await contributorsKnown(consumer, 1)
  }

  const ask = (model: string, content: string): InferenceRequest => ({
    kind: 'chat',
    model,
    messages: [{ role: 'user', content }]
  })

  /** Asks, and leaves once the engine has the request and `begun` resolves. */
  async function cancel(request: InferenceRequest, begun: () => Promise<unknown>): Promise<void> {
    const controller = new AbortController()
    const answer = collect(consumer.consumer.infer(request, { signal: controller.signal }))
    const failed = assert.rejects(answer)
    await begun()
    controller.abort()
    await failed
  }

  /** Asks; resolves when the contributor has taken the order. */
  async function queue(request: InferenceRequest): Promise<{ answer: Promise<AnswerEvent[]> }> {
    const answer = collect(consumer.consumer.infer(request))
    answer.catch(() => undefined)
    await until(() => contributor.contributor?.capacity().queued === 1)
    return { answer }
  }

  it('gives the slot of llama.cpp’s server to the next only when /slots says that it is free', async () => {
    const llama = (server = await startOpenaiServer({ script }))
    llama.slots = [false]
    await serve(openaiEngine({ url: server.url }))
    await cancel(ask('tiny-server', 'hold on'), async () => {
      await server.arrival('/v1/chat/completions')
      llama.slots = [true]
    })
    const { answer } = await queue(ask('tiny-server', 'Hello!'))
    const asked = server.to('/slots').length
    await server.arrival('/slots', asked + 1)
    const { active, queued } = contributor.contributor!.capacity()
    assert.deepEqual([active, queued, server.to('/v1/chat/completions').length], [1, 1, 1])
    llama.slots = [false]
    assert.equal(textOf(await answer), 'answered')
    await idle(contributor)
  })

  it('keeps the next from Ollama for as long as it is taken to read a prompt that was left', async () => {
    server = await startOllamaServer({ script })
    await serve(ollamaEngine({ url: server.url }))
    await cancel(ask('llama3.2:3b', 'hold on '.repeat(60)), () => server.arrival('/api/chat'))
    const { answer } = await queue(ask('llama3.2:3b', 'Hello!'))
    const { active } = contributor.contributor!.capacity()
    assert.deepEqual([active, server.to('/api/chat').length], [1, 1])
    assert.equal(textOf(await answer), 'answered')
    await idle(contributor)
  })

  it('frees the slot at once where Ollama has begun to answer, for then it stops', async () => {
    server = await startOllamaServer({ script })
    await serve(ollamaEngine({ url: server.url }))
    const controller = new AbortController()
    const { signal } = controller
    const left = assert.rejects(async () => {
      for await (const event of consumer.consumer.infer(ask('llama3.2:3b', 'endless'), { signal })) {
        if (event.type === 'delta') controller.abort()
      }
    })
    await left
    await idle(contributor)
    assert.equal(textOf(await collect(consumer.consumer.infer(ask('llama3.2:3b', 'Hello!')))), 'answered')
  })
})
