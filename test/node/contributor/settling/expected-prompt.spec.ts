import assert from 'node:assert/strict'
import { expectedPromptTokens } from '../../../../node/contributor/settling/expected-prompt.ts'
import { encodeJson, type InferenceRequest } from '../../../../protocols/index.ts'

function expected(request: InferenceRequest): number {
  return expectedPromptTokens(request, encodeJson(request).byteLength)
}

describe('node/contributor/settling/expected-prompt', () => {
  it('counts a token for each 3 bytes of the document, tools included', () => {
    const messages = [{ role: 'user' as const, content: 'word '.repeat(600) }]
    const tokens = expected({ kind: 'chat', model: 'm', messages })
    assert.ok(tokens >= 1000 && tokens < 1050, String(tokens))
    const tools = [{ type: 'function' as const, function: { name: 'f', description: 'a'.repeat(3000) } }]
    const more = expected({ kind: 'chat', model: 'm', messages, tools }) - tokens
    assert.ok(more >= 1000 && more < 1050, String(more))
  })

  it('counts images by number, not by their bytes', () => {
    const image = {
      type: 'image_url' as const,
      image_url: { url: `data:image/png;base64,${'A'.repeat(300_000)}` }
    }
    const tokens = expected({
      kind: 'chat',
      model: 'm',
      messages: [{ role: 'user', content: [image, image] }]
    })
    assert.ok(tokens >= 4096 && tokens < 4200, String(tokens))
  })

  it('counts what is embedded', () => {
    const tokens = expected({ kind: 'embedding', model: 'm', input: ['a'.repeat(300)] })
    assert.ok(tokens >= 100 && tokens < 130, String(tokens))
  })
})
