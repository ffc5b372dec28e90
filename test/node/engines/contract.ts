import assert from 'node:assert/strict'
import {
  BadRequestError,
  ContextLengthExceededError,
  ModelNotFoundError,
  ShuttingDownError,
  UnsupportedParameterError
} from '../../../protocols/errors.ts'
import {
  delta as deltaSchema,
  modelInfo,
  usage as usageSchema,
  type ChatRequest,
  type GenerateRequest,
  type ModelInfo
} from '../../../protocols/inference/index.ts'
import type { Engine, EngineEvent } from '../../../node/engines/index.ts'

/** The engine under test, as the suite needs it. */
export interface ContractInit {
  /** A running engine; the suite closes it. */
  engine(): Promise<Engine>
  /** The model that is asked. */
  model: string
  /** A model that embeds, where the engine has one. */
  embeddingModel?: string
  /** A request that goes on for long, and the engine that answers it. */
  endless(): Promise<{
    engine: Engine
    request: GenerateRequest
    /** Resolves when the engine has stopped working on the last request. */
    stopped: () => Promise<unknown>
  }>
  /** How soon work must have stopped after an abort, in milliseconds. */
  stopsWithinMs: number
  /** Whether deltas add up to the usage exactly. */
  exactTokens: boolean
  /** Words in a prompt that fits no context of this engine. */
  overflowWords: number
}

/** A collected answer. */
export interface Collected {
  text: string
  reasoning: string
  toolCalls: { id: string; name: string; arguments: string }[]
  tokens: number
  deltas: number
  end: Extract<EngineEvent, { type: 'end' }>
}

/** A chat with one message of a user. */
export function chat(model: string, content: string, more: Partial<ChatRequest> = {}): ChatRequest {
  return { kind: 'chat', model, messages: [{ role: 'user', content }], ...more }
}

/** Reads an answer to its end; fails unless it ends with one `end` event. */
export async function collect(events: AsyncIterable<EngineEvent>): Promise<Collected> {
  const found = { text: '', reasoning: '', tokens: 0, deltas: 0 }
  const calls: Collected['toolCalls'] = []
  let end: Collected['end'] | undefined
  for await (const event of events) {
    assert.equal(end, undefined, 'an event after the end')
    if (event.type === 'end') {
      usageSchema.parse(event.usage)
      end = event
      continue
    }
    const delta = deltaSchema.parse(event.delta)
    found.text += delta.content ?? ''
    found.reasoning += delta.reasoning ?? ''
    found.tokens += delta.tokens ?? 0
    found.deltas++
    for (const { index, ...piece } of delta.toolCalls ?? []) {
      const call = (calls[index] ??= { id: '', name: '', arguments: '' })
      call.id += piece.id ?? ''
      call.name += piece.name ?? ''
      call.arguments += piece.arguments ?? ''
    }
  }
  assert.ok(end, 'no end event')
  return { ...found, toolCalls: calls, end }
}

/** The contract of every engine. */
export function engineContract(name: string, init: ContractInit): void {
  describe(`${name}: the contract of engines`, function () {
    this.timeout(60_000)
    let engine: Engine
    let info: ModelInfo

    before(async () => {
      engine = await init.engine()
      const found = (await engine.models()).find((model) => model.id === init.model)
      assert.ok(found, `${init.model} is not among the models`)
      info = found
    })
    after(() => engine.close())

    const ask = (content: string, more: Partial<ChatRequest> = {}) =>
      engine.generate(chat(init.model, content, more))

    it('is healthy', () => engine.health())

    it('describes its models', async () => {
      const models = await engine.models()
      for (const model of models) modelInfo.parse(model)
      assert.equal(new Set(models.map((model) => model.id)).size, models.length)
      assert.ok(info.capabilities.includes('chat'))
    })

    it('streams an answer and ends once', async () => {
      const answer = await collect(ask('What is a mesh?'))
      assert.ok(answer.text.length > 0)
      assert.ok(answer.deltas > 1, 'the answer came in one piece')
      assert.equal(answer.end.finishReason, 'stop')
    })

    it('counts the tokens of prompt and answer', async () => {
      const { tokens, end } = await collect(ask('What is a mesh?'))
      assert.ok(end.usage.promptTokens > 0)
      assert.ok(end.usage.completionTokens > 0)
      assert.ok(tokens > 0 && tokens <= end.usage.completionTokens)
      if (init.exactTokens) assert.equal(tokens, end.usage.completionTokens)
    })

    it('counts a prompt beforehand', async () => {
      const request = chat(init.model, 'What is a mesh?')
      const count = await engine.countTokens(request)
      assert.ok(count.tokens > 0)
      const { end } = await collect(engine.generate(request))
      if (count.exact) assert.equal(count.tokens, end.usage.promptTokens)
    })

    it('ends with the reason length at the limit of tokens', async () => {
      const { end } = await collect(ask('What is a mesh?', { max_tokens: 4 }))
      assert.equal(end.finishReason, 'length')
      assert.equal(end.usage.completionTokens, 4)
    })

    it('ends before a stop string', async () => {
      const whole = await collect(ask('Count to 6.', { temperature: 0 }))
      assert.match(whole.text, /4/)
      const cut = await collect(ask('Count to 6.', { temperature: 0, stop: ['zzz', '4'] }))
      assert.equal(cut.text, whole.text.slice(0, whole.text.indexOf('4')))
      assert.equal(cut.end.finishReason, 'stop')
    })

    it('says the same again with the same seed', async () => {
      const request = { temperature: 0.9, seed: 7, max_tokens: 40 }
      const first = await collect(ask('Tell me a story.', request))
      const second = await collect(ask('Tell me a story.', request))
      assert.equal(second.text, first.text)
    })

    it('goes on with a text as it stands', async () => {
      const prompt = 'Once upon a time'
      const answer = await collect(
        engine.generate({ kind: 'completion', model: init.model, prompt, max_tokens: 5 })
      )
      assert.ok(answer.text.length > 0)
      assert.ok(answer.end.usage.completionTokens <= 5)
    })

    it('answers in JSON by a schema', async () => {
      const schema = {
        type: 'object',
        properties: { answer: { type: 'string', enum: ['yes', 'no'] } },
        required: ['answer'],
        additionalProperties: false
      }
      const answer = await collect(
        ask('Is a mesh a group? Answer in JSON.', {
          response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } }
        })
      )
      const parsed = JSON.parse(answer.text) as { answer: string }
      assert.ok(['yes', 'no'].includes(parsed.answer), answer.text)
    })

    it('answers several at once, each its own', async () => {
      const answers = await Promise.all(
        [3, 4, 5, 6, 7, 8].map((n) => collect(ask(`Count to ${n}.`, { temperature: 0 })))
      )
      const alone = await collect(ask('Count to 8.', { temperature: 0 }))
      assert.equal(answers[5]?.text, alone.text)
      for (const answer of answers) assert.ok(answer.text.length > 0)
    })

    it('calls a tool, or says that it cannot', async () => {
      const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
      const answer = ask('What is the weather in Lisbon?', {
        tools: [
          {
            type: 'function',
            function: { name: 'get_weather', description: 'The weather of a city', parameters }
          }
        ]
      })
      if (!info.capabilities.includes('tools')) return rejectsUnsupported(answer, 'tools')
      const { toolCalls, end } = await collect(answer)
      assert.equal(end.finishReason, 'tool_calls')
      assert.equal(toolCalls[0]?.name, 'get_weather')
      assert.match(toolCalls[0].id, /^call_/)
      assert.equal(typeof (JSON.parse(toolCalls[0].arguments) as { city: unknown }).city, 'string')
    })

    it('tells no probabilities, or tells them', async () => {
      const request = chat(init.model, 'What is a mesh?', { top_logprobs: 0 })
      if (!info.capabilities.includes('logprobs'))
        return rejectsUnsupported(engine.generate(request), 'logprobs')
      let logprobs = 0
      for await (const event of engine.generate(request)) {
        if (event.type === 'delta') logprobs += event.delta.logprobs?.length ?? 0
      }
      assert.ok(logprobs > 0)
    })

    it('never fetches an image for a stranger', () =>
      rejectsUnsupported(
        engine.generate({
          kind: 'chat',
          model: init.model,
          messages: [
            {
              role: 'user',
              content: [{ type: 'image_url', image_url: { url: 'http://127.0.0.1:1/cat.png' } }]
            }
          ]
        }),
        'messages'
      ))

    it('embeds, or says that it cannot', async () => {
      const request = {
        kind: 'embedding' as const,
        model: init.embeddingModel ?? init.model,
        input: ['a', 'b c']
      }
      if (init.embeddingModel === undefined) {
        await assert.rejects(engine.embed(request), UnsupportedParameterError)
        return
      }
      const { vectors, promptTokens } = await engine.embed(request)
      assert.equal(vectors.length, 2)
      assert.ok(vectors[0] instanceof Float32Array && vectors[0].length > 0)
      assert.notDeepEqual(vectors[0], vectors[1])
      assert.deepEqual((await engine.embed({ ...request, input: ['b c'] })).vectors[0], vectors[1])
      assert.ok(promptTokens > 0)
    })

    it('refuses models that it does not have', async () => {
      await assert.rejects(collect(engine.generate(chat('no-such-model:1b', 'Hello!'))), ModelNotFoundError)
      await assert.rejects(
        engine.embed({ kind: 'embedding', model: 'no-such-model:1b', input: ['a'] }),
        ModelNotFoundError
      )
    })

    it('refuses a prompt that does not fit the context', () =>
      assert.rejects(collect(ask('lobster '.repeat(init.overflowWords))), ContextLengthExceededError))

    it('starts nothing for a signal that is aborted already', async () => {
      const signal = AbortSignal.abort(new BadRequestError('mine'))
      const events = engine.generate(chat(init.model, 'Hello!'), { signal })
      await assert.rejects(collect(events), { message: 'mine' })
      await assert.rejects(engine.models({ signal }), { message: 'mine' })
    })

    for (const how of ['the signal is aborted', 'the loop is left'] as const) {
      it(`stops the work when ${how}`, async () => {
        const times: number[] = []
        // A busy machine may be late once; an engine that does not stop is late always.
        while (times.length < 3 && !times.some((time) => time <= init.stopsWithinMs)) {
          times.push(await timeToStop(how))
        }
        assert.ok(Math.min(...times) <= init.stopsWithinMs, `stopped after ${times.join(', ')} ms`)
      })
    }

    async function timeToStop(how: string): Promise<number> {
      const { engine, request, stopped } = await init.endless()
      const controller = new AbortController()
      let left = 0
      const run = async (): Promise<void> => {
        let deltas = 0
        for await (const event of engine.generate(request, { signal: controller.signal })) {
          assert.equal(event.type, 'delta', 'the endless answer ended')
          if (++deltas < 3) continue
          left = performance.now()
          if (how === 'the loop is left') return
          controller.abort(new BadRequestError('enough'))
        }
      }
      try {
        if (how === 'the loop is left') await run()
        else await assert.rejects(run(), { message: 'enough' })
        await stopped()
        return performance.now() - left
      } finally {
        await engine.close()
      }
    }

    it('ends its work when it is closed, and takes no more', async () => {
      const { engine, request, stopped } = await init.endless()
      const events = engine.generate(request)[Symbol.asyncIterator]()
      await events.next()
      await engine.close()
      await assert.rejects(async () => {
        while ((await events.next()).done !== true);
      }, ShuttingDownError)
      await stopped()
      await engine.close()
      await assert.rejects(collect(engine.generate(request)), ShuttingDownError)
      await assert.rejects(engine.models(), ShuttingDownError)
      await assert.rejects(engine.health(), ShuttingDownError)
    })
  })
}

/** Fails unless an answer is refused for the parameter. */
export async function rejectsUnsupported(events: AsyncIterable<EngineEvent>, param: string): Promise<void> {
  await assert.rejects(collect(events), (err) => {
    assert.ok(err instanceof UnsupportedParameterError, String(err))
    assert.equal(err.param, param)
    return true
  })
}
