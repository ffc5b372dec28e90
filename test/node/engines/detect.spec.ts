import assert from 'node:assert/strict'
import { detectEngine } from '../../../node/engines/index.ts'
import { BadRequestError } from '../../../protocols/errors.ts'
import { startOllamaServer } from '../../support/engines/ollama-server.ts'
import { startOpenaiServer } from '../../support/engines/openai-server.ts'

describe('node/engines/detect', () => {
  it('takes Ollama where it answers', async () => {
    await using server = await startOllamaServer()
    const { engine, reason } = await detectEngine({ environment: { OLLAMA_HOST: server.url } })
    assert.equal(engine.name, 'ollama')
    assert.equal(reason, `Ollama at ${server.url}`)
    await engine.close()
  })

  it('takes the OpenAI-compatible server where Ollama does not answer', async () => {
    await using server = await startOpenaiServer()
    const { engine, reason } = await detectEngine({ url: server.url })
    assert.equal(engine.name, 'openai')
    assert.match(reason, /^an OpenAI-compatible server at .* \(Ollama at .* does not answer\)$/)
    await engine.close()
  })

  it('takes the embedded engine where nothing answers, and says what its model is', async () => {
    const url = await nowhere()
    const { engine, reason } = await detectEngine({ url })
    assert.equal(engine.name, 'embedded')
    assert.match(
      reason,
      /demonstration model.*Ollama at .* does not answer, an OpenAI-compatible server at .* does not answer/
    )
    await engine.close()
  })

  it('gives the demonstration model up when a real engine appears', async function () {
    this.timeout(20_000)
    const url = await nowhere()
    const { engine } = await detectEngine({ url })
    assert.deepEqual(
      (await engine.models()).map(({ demonstration }) => demonstration),
      [true]
    )
    await using server = await startOllamaServer({ port: Number(new URL(url).port), models: [] })
    await engine.models()
    assert.equal(engine.name, 'embedded', 'an engine without models has nothing to serve')
    server.models = [{ name: 'llama3.2:3b' }]
    assert.deepEqual(
      (await engine.models()).map(({ id }) => id),
      ['llama3.2:3b']
    )
    assert.equal(engine.name, 'ollama')
    await server.close()
    await assert.rejects(engine.models(), { name: 'EngineFailedError' })
    await engine.close()
  })

  it('stops looking when it is told to', async () => {
    const signal = AbortSignal.abort(new BadRequestError('enough'))
    await assert.rejects(detectEngine({ url: await nowhere() }, { signal }), {
      message: 'enough'
    })
  })
})

/** A URL where nothing listens any more. */
async function nowhere(): Promise<string> {
  const server = await startOllamaServer()
  const { url } = server
  await server.close()
  return url
}
