import { fileURLToPath } from 'node:url'
import { EmbeddedEngine } from '../../../../node/engines/embedded/embedded-engine.ts'
import { embeddedEngine } from '../../../../node/engines/index.ts'
import { chat, engineContract } from '../contract.ts'

/** Weights of chance, which say nothing and come to no end before the context does. */
const RANDOM_MODEL = fileURLToPath(
  new URL('../../../fixtures/tiny-model/tiny-random-q8.gguf', import.meta.url)
)

engineContract('node/engines/embedded', {
  engine: () => Promise.resolve(embeddedEngine({ slots: 2 })),
  model: 'tiny-chat',
  endless: () => {
    const engine = new EmbeddedEngine({ modelPath: RANDOM_MODEL, contextSize: 2048, slots: 1 })
    return Promise.resolve({
      engine,
      request: chat('tiny-random', 'lobster'),
      stopped: () => engine.process?.idle() ?? Promise.resolve()
    })
  },
  stopsWithinMs: 200,
  exactTokens: true,
  overflowWords: 2000
})
