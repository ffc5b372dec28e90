import assert from 'node:assert/strict'
import {
  CALL_TOKENS,
  IMAGE_TOKENS,
  MARKER_TOKENS,
  MESSAGE_TOKENS,
  TEMPLATE_TOKENS,
  TOOLS_TOKENS,
  TOOL_TOKENS
} from '../../../node/tokens/constants.ts'
import { mostPromptTokens } from '../../../node/tokens/prompt-text.ts'
import { TokenCounter } from '../../../node/tokens/token-counter.ts'
import type { ChatMessage, InferenceRequest } from '../../../protocols/index.ts'

describe('node/tokens/prompt-text', () => {
  const counter = new TokenCounter()
  after(() => counter.stop())

  const most = async (request: object, wanted = Infinity): Promise<number> =>
    await mostPromptTokens({ model: 'm', ...request } as InferenceRequest, wanted, counter)
  const chat = async (messages: ChatMessage[], rest: object = {}): Promise<number> =>
    await most({ kind: 'chat', messages, ...rest })

  it('counts the texts of a chat, and what a template puts around them', async () => {
    assert.equal(
      await chat([
        { role: 'system', content: '12' },
        { role: 'user', content: [{ type: 'text', text: '345' }] },
        { role: 'assistant', content: '67', reasoning_content: '8' },
        { role: 'tool', content: '90', tool_call_id: 'a' }
      ]),
      TEMPLATE_TOKENS + 4 * MESSAGE_TOKENS + 10
    )
  })

  it('counts calls of tools', async () => {
    const call = { id: 'a', type: 'function' as const, function: { name: '1', arguments: '23' } }
    assert.equal(
      await chat([{ role: 'assistant', tool_calls: [call, call] }]),
      TEMPLATE_TOKENS + MESSAGE_TOKENS + 2 * (CALL_TOKENS + 3)
    )
  })

  it('counts an image by its stated maximum, whatever its bytes', async () => {
    const image = {
      type: 'image_url' as const,
      image_url: { url: `data:image/png;base64,${'A'.repeat(1e6)}` }
    }
    assert.equal(
      await chat([{ role: 'user', content: [image, image] }]),
      TEMPLATE_TOKENS + MESSAGE_TOKENS + 2 * IMAGE_TOKENS
    )
  })

  it('counts the JSON of tools and schemas', async () => {
    const tool = { type: 'function', function: { name: 'f', description: '1'.repeat(500) } }
    const bare = await chat([{ role: 'user', content: 'Hi' }])
    const tools = await chat([{ role: 'user', content: 'Hi' }], { tools: [tool] })
    assert.ok(tools - bare > TOOLS_TOKENS + TOOL_TOKENS + 460)
    assert.ok(tools - bare < TOOLS_TOKENS + TOOL_TOKENS + 600)
    const schema = { type: 'json_schema', json_schema: { name: 'a', schema: { title: '2'.repeat(300) } } }
    assert.ok((await chat([{ role: 'user', content: 'Hi' }], { response_format: schema })) > bare + 300)
  })

  it('counts legacy completions and embeddings without a template', async () => {
    assert.equal(await most({ kind: 'completion', prompt: '123', suffix: '45' }), 5 + MARKER_TOKENS)
    assert.equal(
      await most({ kind: 'embedding', input: ['1234', '5678'] }),
      Math.ceil((16 / 1.3) * (1.2 / 1.3) + 2 * MARKER_TOKENS)
    )
  })

  it('allows 1.3 times its own count to a long conversation, templates included', async () => {
    const content = ' word'.repeat(5000)
    assert.ok(
      (await chat([
        { role: 'user', content },
        { role: 'assistant', content }
      ])) <= 13_100
    )
  })

  it('needs no vocabulary where less is wanted than the prompt surely has', async () => {
    const fresh = new TokenCounter()
    const request = { kind: 'chat', model: 'm', messages: [{ role: 'user', content: 'Hello there' }] }
    assert.ok((await mostPromptTokens(request as InferenceRequest, 30, fresh)) >= 30)
    assert.equal(fresh.loaded, false)
    await fresh.stop()
  })
})
