import assert from 'node:assert/strict'
import { ChatOpenAI } from '@langchain/openai'
import { Ollama } from 'ollama'
import { MeshGateway } from '../support/gateway/mesh-gateway.ts'
import { AI_SDKS } from './ai-versions.ts'
import { ANTHROPIC_SDKS, OPENAI_SDKS } from './versions.ts'

const model = 'llama3.2:3b'
const messages = [{ role: 'user' as const, content: 'Hi' }]
const answer = 'You said: Hi'

describe('every SDK, through a mesh', () => {
  let gateway: MeshGateway

  before(async () => {
    gateway = await MeshGateway.start()
  })

  after(() => gateway.stop())

  for (const [name, { OpenAI }] of Object.entries(OPENAI_SDKS)) {
    it(name, async () => {
      const openai = new OpenAI({ baseURL: `${gateway.http.url}/v1`, apiKey: 'any', maxRetries: 0 })
      const { choices } = await openai.chat.completions.create({ model, messages, n: 2 })
      assert.deepEqual(
        choices.map(({ message }) => message.content),
        [answer, answer]
      )
      assert.equal((await openai.responses.create({ model, input: 'Hi' })).output_text, answer)
      const { data } = await openai.embeddings.create({ model: 'nomic-embed-text', input: ['a', 'b'] })
      assert.equal(data.length, 2)
      assert.ok(data[0]!.embedding.length > 0)
    })
  }

  for (const [name, { Anthropic }] of Object.entries(ANTHROPIC_SDKS)) {
    it(name, async () => {
      const client = new Anthropic({ baseURL: gateway.http.url, apiKey: 'any', maxRetries: 0 })
      const message = await client.messages.stream({ model, messages, max_tokens: 64 }).finalMessage()
      assert.deepEqual(
        message.content.map((block) => (block.type === 'text' ? block.text : '')),
        [answer]
      )
    })
  }

  it('ollama', async () => {
    const client = new Ollama({ host: gateway.http.url })
    assert.equal((await client.chat({ model, messages })).message.content, answer)
    assert.ok((await client.list()).models.some(({ name }) => name === model))
  })

  for (const [name, sdk] of Object.entries(AI_SDKS)) {
    it(name, async () => {
      const provider = sdk.createOpenAICompatible({ name: 'lobstah', baseURL: `${gateway.http.url}/v1` })
      const { text } = await sdk.ai.generateText({ model: provider(model), prompt: 'Hi', maxRetries: 0 })
      assert.equal(text, answer)
    })
  }

  it('@langchain/openai', async () => {
    const configuration = { baseURL: `${gateway.http.url}/v1` }
    const client = new ChatOpenAI({ model, apiKey: 'any', maxRetries: 0, configuration })
    assert.equal((await client.invoke('Hi')).text, answer)
  })
})
