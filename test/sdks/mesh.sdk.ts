import assert from 'node:assert/strict'
import Anthropic from '@anthropic-ai/sdk'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { ChatOpenAI } from '@langchain/openai'
import { generateText } from 'ai'
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import { MeshGateway } from '../support/gateway/mesh-gateway.ts'

const model = 'llama3.2:3b'
const messages = [{ role: 'user' as const, content: 'Hi' }]
const answer = 'You said: Hi'

describe('every SDK, through a mesh', () => {
  let gateway: MeshGateway
  let openai: OpenAI

  before(async () => {
    gateway = await MeshGateway.start()
    openai = new OpenAI({ baseURL: `${gateway.http.url}/v1`, apiKey: 'any', maxRetries: 0 })
  })

  after(() => gateway.stop())

  it('openai', async () => {
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

  it('@anthropic-ai/sdk', async () => {
    const client = new Anthropic({ baseURL: gateway.http.url, apiKey: 'any', maxRetries: 0 })
    const message = await client.messages.stream({ model, messages, max_tokens: 64 }).finalMessage()
    assert.deepEqual(
      message.content.map((block) => (block.type === 'text' ? block.text : '')),
      [answer]
    )
  })

  it('ollama', async () => {
    const client = new Ollama({ host: gateway.http.url })
    assert.equal((await client.chat({ model, messages })).message.content, answer)
    assert.ok((await client.list()).models.some(({ name }) => name === model))
  })

  it('ai', async () => {
    const provider = createOpenAICompatible({ name: 'lobstah', baseURL: `${gateway.http.url}/v1` })
    const { text } = await generateText({ model: provider(model), prompt: 'Hi', maxRetries: 0 })
    assert.equal(text, answer)
  })

  it('@langchain/openai', async () => {
    const configuration = { baseURL: `${gateway.http.url}/v1` }
    const client = new ChatOpenAI({ model, apiKey: 'any', maxRetries: 0, configuration })
    assert.equal((await client.invoke('Hi')).text, answer)
  })
})
