import assert from 'node:assert/strict'
import type { Engine } from '../../node/engines/index.ts'
import { ContextLengthExceededError, ModelNotFoundError } from '../../protocols/errors.ts'
import type { ChatRequest, ModelInfo } from '../../protocols/inference/index.ts'
import { chat, collect } from '../node/engines/contract.ts'

const MAX_TOKENS = 24
const CITIES = ['Paris', 'Rome', 'Oslo']
const TOOLS: ChatRequest['tools'] = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'The weather of a city',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
    }
  }
]

/** The engine under test, as the suite needs it. */
export interface RealEngine {
  /** An engine that asks the program; the suite closes it. */
  engine: () => Engine
  /** Waits until the program works on nothing. */
  idle: (engine: Engine) => Promise<void>
  /** `tool_choice: required` is obeyed. */
  forcesTools: boolean
}

/** The contract of a real engine with a real model. */
export function realEngine(name: string, setUp: () => Promise<RealEngine>): void {
  describe(`${name}: a real engine`, function () {
    this.timeout(180_000)
    let real: RealEngine
    let engine: Engine
    let info: ModelInfo
    before(async () => {
      real = await setUp()
      engine = real.engine()
      const found = (await engine.models()).find(({ capabilities }) => capabilities.includes('chat'))
      assert.ok(found, 'no model that chats')
      info = found
    })
    after(() => engine.close())

    const ask = (content: string, more: Partial<ChatRequest> = {}) =>
      engine.generate(chat(info.id, content, { temperature: 0, max_tokens: MAX_TOKENS, ...more }))

    it('is healthy, and tells its model without a folder', async () => {
      await engine.health()
      assert.doesNotMatch(info.id, /^[/~]|\\/)
      assert.ok(info.contextLength !== null && info.contextLength >= 1024)
    })

    it('streams an answer, and counts its tokens', async () => {
      const { text, tokens, deltas, end } = await collect(ask('What is a mesh?'))
      assert.ok(text.length > 10 && deltas > 1)
      assert.ok(end.usage.promptTokens > 0)
      assert.ok(tokens > 0 && tokens <= end.usage.completionTokens)
    })

    it('ends at the limit of tokens', async () => {
      const { end } = await collect(ask('Tell me a long story about the sea.', { max_tokens: 8 }))
      assert.deepEqual([end.finishReason, end.usage.completionTokens], ['length', 8])
    })

    it('ends before a stop string', async () => {
      const whole = await collect(ask('Count to ten in digits.'))
      const stop = whole.text.slice(8, 12)
      const cut = await collect(ask('Count to ten in digits.', { stop: [stop] }))
      assert.equal(cut.text, whole.text.slice(0, whole.text.indexOf(stop)))
      assert.equal(cut.end.finishReason, 'stop')
    })

    it('says the same again with the same seed', async () => {
      const more = { temperature: 0.9, seed: 7 }
      const first = await collect(ask('Tell me a story.', more))
      assert.equal((await collect(ask('Tell me a story.', more))).text, first.text)
    })

    it('answers in JSON by a schema', async () => {
      const schema = {
        type: 'object',
        properties: { answer: { type: 'string', enum: ['yes', 'no'] } },
        required: ['answer'],
        additionalProperties: false
      }
      const format = { type: 'json_schema' as const, json_schema: { name: 'answer', schema } }
      const { text } = await collect(ask('Is the sea wet?', { response_format: format, max_tokens: 100 }))
      assert.ok(['yes', 'no'].includes((JSON.parse(text) as { answer: string }).answer), text)
    })

    it('calls a tool that it must call', async function () {
      if (!real.forcesTools) return this.skip()
      const messages = CITIES.flatMap((city, number): ChatRequest['messages'] => {
        const call = { name: 'get_weather', arguments: JSON.stringify({ city }) }
        return [
          { role: 'user', content: `Weather in ${city}?` },
          { role: 'assistant', tool_calls: [{ id: `call_${number}`, type: 'function', function: call }] },
          { role: 'tool', tool_call_id: `call_${number}`, content: 'sunny' }
        ]
      })
      messages.push({ role: 'user', content: 'Weather in Lisbon?' })
      const more = { messages, tools: TOOLS, tool_choice: 'required' as const, max_tokens: 60 }
      const { toolCalls, end } = await collect(ask('', more))
      assert.equal(end.finishReason, 'tool_calls')
      assert.equal(toolCalls[0]?.name, 'get_weather')
      assert.ok(toolCalls[0].id.length > 0)
      assert.equal(typeof (JSON.parse(toolCalls[0].arguments) as { city: unknown }).city, 'string')
    })

    it('reads a history whose arguments are no JSON', async function () {
      if (!info.capabilities.includes('tools')) return this.skip()
      const call = { name: 'get_weather', arguments: 'Paris, please' }
      const messages: ChatRequest['messages'] = [
        { role: 'user', content: 'Weather in Paris?' },
        { role: 'assistant', tool_calls: [{ id: 'call_0', type: 'function', function: call }] },
        { role: 'tool', tool_call_id: 'call_0', content: 'sunny' },
        { role: 'user', content: 'Thanks!' }
      ]
      const { end } = await collect(ask('', { messages, tools: TOOLS, max_tokens: 4 }))
      assert.ok(end.usage.completionTokens <= 4)
    })

    it('refuses a prompt that does not fit, and tells the limit', async () => {
      const context = info.contextLength ?? 0
      await assert.rejects(collect(ask('lobster '.repeat(4 * context))), ContextLengthExceededError)
      // Digits are more tokens than an estimate takes them for, so that the program itself refuses.
      const digits = ask('7 '.repeat(1.5 * context))
      await assert.rejects(collect(digits), { code: 'context_length_exceeded' })
    })

    it('refuses a model that it does not have', () =>
      assert.rejects(collect(engine.generate(chat('no-such-model:1b', 'Hello!'))), ModelNotFoundError))

    it('stops an answer that is left, and knows when its slot is free', async () => {
      for await (const event of ask('Tell me a very long story.', { max_tokens: 2000 })) {
        if (event.type === 'delta') break
      }
      await real.idle(engine)
      assert.equal((await engine.busy?.()) ?? 0, 0)
    })
  })
}
