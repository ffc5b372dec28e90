import assert from 'node:assert/strict'
import { openaiEngine, type Engine } from '../../node/engines/index.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import type { InferenceRequest } from '../../protocols/index.ts'
import { Mesh, addressesOf, collect, contributorsKnown, idle, textOf, until } from '../support/mesh.ts'
import { LlamaServer } from './llama-server.ts'

/** Where `fetch.sh` put a server and a model. */
const FOLDER = process.env.LOBSTAH_TEST_ENGINES

/** An idle server tells its slots sooner, in milliseconds. */
const SILENCE_MS = 500

if (FOLDER !== undefined) {
  describe('a contributor before llama.cpp’s server', function () {
    this.timeout(180_000)
    const server = new LlamaServer(FOLDER, 'chat')
    const mesh = new Mesh()
    let contributor: Lobstah
    let consumer: Lobstah
    let model: string
    /** Whether the server worked whenever it was given a request. */
    const working: boolean[] = []

    before(async () => {
      await server.start()
      const engine = openaiEngine({ url: server.url })
      model = (await engine.models())[0]?.id ?? ''
      const bootstrap = addressesOf(await mesh.relay())
      contributor = await mesh.node({
        bootstrap,
        engine: watched(engine),
        contribute: true,
        slots: 1,
        listen: ['/ip4/127.0.0.1/tcp/0']
      })
      consumer = await mesh.node({ bootstrap })
      await contributorsKnown(consumer, 1)
    })
    after(() => Promise.all([mesh.stop(), server.kill()]))

    /** Whether the server works: it tells its slots between two batches, so that silence is work too. */
    async function works(): Promise<boolean> {
      try {
        const response = await fetch(`${server.url}/slots`, { signal: AbortSignal.timeout(SILENCE_MS) })
        const slots = (await response.json()) as { is_processing: boolean }[]
        return slots.some(({ is_processing: processes }) => processes)
      } catch {
        return true
      }
    }

    /** The engine, which notes before each request whether the server works. */
    function watched(engine: Engine): Engine {
      return new Proxy(engine, {
        get: (target, name) => {
          if (name === 'generate') {
            return async function* (...args: Parameters<Engine['generate']>) {
              working.push(await works())
              yield* target.generate(...args)
            }
          }
          const member: unknown = Reflect.get(target, name)
          return typeof member === 'function' ? (member.bind(target) as unknown) : member
        }
      })
    }

    const ask = (content: string): InferenceRequest => ({
      kind: 'chat',
      model,
      max_tokens: 4,
      messages: [{ role: 'user', content }]
    })

    it('gives it the next request only when it has left a cancelled prompt', async () => {
      for (let round = 0; round < 3; round++) {
        const controller = new AbortController()
        const long = ask(`${round} ${'lobster '.repeat(600)}`)
        const { signal } = controller
        const left = assert.rejects(collect(consumer.consumer.infer(long, { signal })))
        await until(() => working.length === 2 * round + 1)
        await until(works)
        controller.abort()
        await left
        assert.ok(textOf(await collect(consumer.consumer.infer(ask('Hello!')))).length > 0)
      }
      await idle(contributor)
      assert.deepEqual(working, Array(6).fill(false))
    })
  })
}
