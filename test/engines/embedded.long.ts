import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { readGgufFileInfo } from 'node-llama-cpp'
import { EmbeddedEngine } from '../../node/engines/embedded/embedded-engine.ts'
import type { EmbeddedEngineInit, EngineEvent } from '../../node/engines/index.ts'
import { collect } from '../node/engines/contract.ts'
import { realEngine } from './real-engine.ts'

/** A GGUF file of a model that chats. */
const FILE = process.env.LOBSTAH_TEST_GGUF

/** Above it, all cores work. */
const SMALL_MODEL_BYTES = 100e6

if (FILE !== undefined) {
  const open = (init: EmbeddedEngineInit = {}): EmbeddedEngine =>
    new EmbeddedEngine({ modelPath: FILE, contextSize: 2048, slots: 2, ...init })

  describe('the embedded engine', () => {
    realEngine('llama.cpp in a child process', () => {
      const engine = open()
      return Promise.resolve({
        engine: () => engine,
        idle: () => engine.process?.idle() ?? Promise.resolve(),
        forcesTools: false
      })
    })

    it('has room for an agent, as far as the model holds it', async function () {
      this.timeout(60_000)
      const engine = new EmbeddedEngine({ modelPath: FILE, slots: 1 })
      try {
        const { architectureMetadata } = await readGgufFileInfo(FILE)
        const own = architectureMetadata.context_length ?? 0
        assert.ok(own > 4096, String(own))
        assert.equal((await engine.models())[0]?.contextLength, Math.min(32_768, own))
      } finally {
        await engine.close()
      }
    })

    describe('threads', function () {
      this.timeout(120_000)
      before(function () {
        if (process.platform !== 'linux' || availableParallelism() < 2) this.skip()
      })

      /** How many threads compute: llama.cpp starts those beyond the first for each step, and ends them after it. */
      async function threadsOf(init: EmbeddedEngineInit): Promise<number> {
        const engine = open(init)
        try {
          const [model] = await engine.models()
          assert.ok(model)
          const count = async (): Promise<number> =>
            (await readdir(`/proc/${engine.process?.pid}/task`)).length
          const say = (max_tokens: number): AsyncIterable<EngineEvent> =>
            engine.generate({ kind: 'completion', model: model.id, prompt: 'Once upon a time', max_tokens })
          // Node's own threads are started with the first work.
          await collect(say(4))
          const idle = await count()
          let most = idle
          for await (const { type } of say(24)) if (type === 'delta') most = Math.max(most, await count())
          return 1 + most - idle
        } finally {
          await engine.close()
        }
      }

      for (const threads of [1, 2]) {
        it(`are as many as the owner allows: ${threads}`, async () => {
          assert.equal(await threadsOf({ threads }), threads)
        })
      }

      it('are all cores for a large model, and one for a small', async () => {
        const { size } = await stat(FILE)
        assert.equal(await threadsOf({}), size < SMALL_MODEL_BYTES ? 1 : availableParallelism())
      })
    })
  })
}
