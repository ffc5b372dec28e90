import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { ollamaEngine, openaiEngine } from '../../node/engines/index.ts'
import { ContextLengthExceededError, EngineFailedError } from '../../protocols/errors.ts'
import { chat, collect } from '../node/engines/contract.ts'
import { LlamaServer } from './llama-server.ts'
import { realEngine } from './real-engine.ts'

/** Where `fetch.sh` put a server and a model. */
const FOLDER = process.env.LOBSTAH_TEST_ENGINES
/** An Ollama with a model, to be held to the same. */
const OLLAMA = process.env.LOBSTAH_TEST_OLLAMA_URL

if (FOLDER !== undefined) {
  describe('llama.cpp’s server', () => {
    const server = new LlamaServer(FOLDER, 'chat')
    const embedder = new LlamaServer(FOLDER, 'embed')
    before(async function () {
      this.timeout(120_000)
      await server.start()
    })
    after(() => Promise.all([server.kill(), embedder.kill()]))

    realEngine('llama.cpp', () =>
      Promise.resolve({
        engine: () => openaiEngine({ url: server.url }),
        idle: async (engine) => {
          while ((await engine.busy?.()) !== 0) await delay(50)
          const slots = (await (await fetch(`${server.url}/slots`)).json()) as { is_processing: boolean }[]
          assert.ok(!slots.some((slot) => slot.is_processing))
        },
        forcesTools: true
      })
    )

    it('embeds, and says how much fits', async function () {
      this.timeout(120_000)
      await embedder.start()
      const engine = openaiEngine({ url: embedder.url })
      const model = (await engine.models())[0]?.id ?? ''
      const request = { kind: 'embedding' as const, model, input: ['a lobster', 'a bicycle'] }
      const { vectors, promptTokens } = await engine.embed(request)
      assert.equal(vectors.length, 2)
      assert.ok(vectors[0]?.length === 576 && promptTokens > 3)
      assert.notDeepEqual(vectors[0], vectors[1])
      await assert.rejects(
        engine.embed({ ...request, input: ['lobster '.repeat(600)] }),
        ContextLengthExceededError
      )
      await engine.close()
    })

    it('fails when the server is killed in mid-stream, and answers again once it is back', async function () {
      this.timeout(120_000)
      const engine = openaiEngine({ url: server.url })
      const model = (await engine.models())[0]?.id ?? ''
      const answer = engine.generate(chat(model, 'Tell me a very long story.', { max_tokens: 2000 }))
      await assert.rejects(async () => {
        for await (const event of answer) if (event.type === 'delta') await server.kill()
      }, EngineFailedError)
      await assert.rejects(engine.health(), EngineFailedError)
      await server.start()
      await engine.health()
      const { text } = await collect(engine.generate(chat(model, 'Hello!', { max_tokens: 4 })))
      assert.ok(text.length > 0)
      await engine.close()
    })
  })
}

if (OLLAMA !== undefined) {
  realEngine('Ollama', () =>
    Promise.resolve({
      engine: () => ollamaEngine({ url: OLLAMA }),
      idle: () => Promise.resolve(),
      forcesTools: false
    })
  )
}

it('has an engine to test', () => assert.ok(FOLDER !== undefined || OLLAMA !== undefined))
