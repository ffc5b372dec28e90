import { openaiEngine } from '../../../../node/engines/index.ts'
import { startOpenaiServer, type OpenaiServer } from '../../../support/engines/openai-server.ts'
import { chat, engineContract } from '../contract.ts'

describe('node/engines/openai, against a fake', () => {
  let server: OpenaiServer
  before(async () => {
    server = await startOpenaiServer({ props: { default_generation_settings: { n_ctx: 4096 } } })
  })
  after(() => server.close())

  engineContract('openai', {
    engine: () => Promise.resolve(openaiEngine({ url: `${server.url}/v1` })),
    model: 'tiny-server',
    embeddingModel: 'tiny-embed',
    endless: () =>
      Promise.resolve({
        engine: openaiEngine({ url: server.url }),
        request: chat('tiny-server', 'endless'),
        stopped: () => Promise.resolve(server.to('/v1/chat/completions').at(-1)?.over)
      }),
    stopsWithinMs: 50,
    exactTokens: true,
    overflowWords: 5000
  })
})
