import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { EngineEvent } from '../../node/engines/engine.ts'
import { MeshGateway } from '../support/gateway/mesh-gateway.ts'
import { openSocket } from '../support/gateway/raw-http.ts'
import { until } from '../support/mesh.ts'
import { ScriptedEngine, SCRIPTED_MODEL, say } from '../support/scripted-engine.ts'

const model = SCRIPTED_MODEL.id
const MIB = 1024 * 1024

/** Description of the engine's model. */
const DETAILS = {
  format: 'gguf',
  family: 'qwen3',
  families: ['qwen3', 'clip'],
  quantization: 'Q4_K_M',
  embeddingLength: 4096,
  size: 5_000,
  template: 'stays there'
}

describe('http-gateway, from a client over a relay to an engine', function () {
  // Tens of megabytes go over two encrypted connections, on whatever machine this is.
  this.timeout(60_000)

  let engine: ScriptedEngine
  let gateway: MeshGateway

  before(async () => {
    engine = new ScriptedEngine(
      () => say(['one']),
      [{ ...SCRIPTED_MODEL, contextLength: 64 * MIB, capabilities: ['chat', 'vision'], ...DETAILS }]
    )
    gateway = await MeshGateway.start(engine)
  })

  after(() => gateway.stop())

  it('tells Ollama’s clients what they decide by, as far as the engine tells it', async () => {
    const response = await fetch(`${gateway.http.url}/api/tags`)
    const { models } = (await response.json()) as { models: Record<string, unknown>[] }
    assert.equal(models[0]?.['size'], 5_000)
    const told = {
      parent_model: '',
      format: 'gguf',
      family: 'qwen3',
      families: ['qwen3', 'clip'],
      parameter_size: '1.0B',
      quantization_level: 'Q4_K_M'
    }
    assert.deepEqual(models[0]['details'], told)
    const answer = await fetch(`${gateway.http.url}/api/show`, {
      method: 'POST',
      body: JSON.stringify({ model })
    })
    const shown = (await answer.json()) as Record<string, unknown>
    assert.deepEqual(shown['details'], told)
    assert.deepEqual(shown['capabilities'], ['completion', 'vision'])
    assert.equal(shown['template'], '')
    assert.deepEqual(shown['model_info'], {
      'general.architecture': 'qwen3',
      'qwen3.context_length': 64 * MIB,
      'qwen3.embedding_length': 4096,
      'general.parameter_count': SCRIPTED_MODEL.parameters
    })
  })

  it('carries a body of almost 64 MiB', async () => {
    const body = (bytes: number): string => {
      const url = `data:image/png;base64,${'A'.repeat(bytes)}`
      return JSON.stringify({
        model,
        messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }]
      })
    }
    const post = (text: string): Promise<Response> =>
      fetch(`${gateway.http.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: text
      })
    const response = await post(body(63 * MIB))
    assert.equal(response.status, 200, await response.clone().text())
    assert.match(response.headers.get('x-lobstah-route') ?? '', /^relayed;/)
    const [request] = engine.requests
    assert.ok(request?.kind === 'chat' && Array.isArray(request.messages[0]?.content))
    const [part] = request.messages[0].content
    assert.ok(part?.type === 'image_url' && part.image_url.url.length > 63 * MIB)
    assert.equal((await post(body(64 * MIB))).status, 413)
  })

  describe('with a client that does not read', () => {
    const PIECE = 'x'.repeat(16_384)
    const TOTAL = 2048
    let made: number

    async function* flood(): AsyncGenerator<EngineEvent> {
      for (made = 1; made <= TOTAL; made++) yield { type: 'delta', delta: { content: PIECE, tokens: 1 } }
      yield { type: 'end', finishReason: 'stop', usage: { promptTokens: 7, completionTokens: TOTAL } }
    }

    beforeEach(() => {
      made = 0
      engine.script = flood
    })

    /** A client that asks and reads nothing, when the engine has come to a standstill. */
    async function stuck(): Promise<Socket> {
      const socket = await openSocket(gateway.http.url)
      socket.pause()
      const body = JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'go on' }] })
      const head = `Host: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
      socket.write(`POST /v1/chat/completions HTTP/1.1\r\n${head}\r\n\r\n${body}`)
      let [before, quiet] = [0, 0]
      await until(() => {
        quiet = made > 0 && made === before ? quiet + 1 : 0
        before = made
        return quiet === 50
      })
      return socket
    }

    it('lets the engine wait: what is not made takes no memory anywhere', async () => {
      const socket = await stuck()
      // The rest is in the buffers of four sockets and the windows of two streams.
      assert.ok(made < TOTAL / 2, `${made} of ${TOTAL} pieces were made`)
      let bytes = 0
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (chunk.includes('[DONE]')) socket.end()
      })
      socket.resume()
      await once(socket, 'close')
      assert.ok(bytes > TOTAL * PIECE.length)
    })

    it('stops the engine when that client is gone', async () => {
      const { finished } = engine
      const socket = await stuck()
      assert.equal(engine.finished, finished)
      socket.destroy()
      await until(() => engine.finished === finished + 1)
      assert.ok(made < TOTAL / 2)
    })
  })
})
