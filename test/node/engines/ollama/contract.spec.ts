import { ollamaEngine } from '../../../../node/engines/index.ts'
import { startOllamaServer, type OllamaServer } from '../../../support/engines/ollama-server.ts'
import { chat, engineContract } from '../contract.ts'

describe('node/engines/ollama, against a fake', () => {
  let server: OllamaServer
  before(async () => {
    server = await startOllamaServer()
  })
  after(() => server.close())

  engineContract('ollama', {
    engine: () => Promise.resolve(ollamaEngine({ url: server.url })),
    model: 'llama3.2:3b',
    embeddingModel: 'nomic-embed-text:latest',
    endless: () =>
      Promise.resolve({
        engine: ollamaEngine({ url: server.url }),
        request: chat('llama3.2:3b', 'endless'),
        stopped: () => Promise.resolve(server.to('/api/chat').at(-1)?.over)
      }),
    stopsWithinMs: 50,
    exactTokens: true,
    overflowWords: 140_000
  })
})

describe('node/engines/ollama, against a real Ollama', () => {
  const url = process.env.LOBSTAH_TEST_OLLAMA_URL
  const model = process.env.LOBSTAH_TEST_OLLAMA_MODEL ?? 'llama3.2:3b'
  if (url === undefined) {
    it.skip(
      'the contract (set LOBSTAH_TEST_OLLAMA_URL, and LOBSTAH_TEST_OLLAMA_MODEL for other than llama3.2:3b)'
    )
    return
  }
  engineContract('ollama', {
    engine: () => Promise.resolve(ollamaEngine({ url })),
    model,
    endless: () =>
      Promise.resolve({
        engine: ollamaEngine({ url }),
        request: chat(model, 'Count from 1 to 1000 in words.'),
        // Ollama does not say what it works on.
        stopped: () => Promise.resolve()
      }),
    stopsWithinMs: 50,
    exactTokens: false,
    overflowWords: 140_000
  })
})
