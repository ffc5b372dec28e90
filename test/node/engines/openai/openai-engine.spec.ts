import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { openaiEngine, type Engine } from '../../../../node/engines/index.ts'
import {
  BadRequestError,
  BusyError,
  CancelledError,
  ContextLengthExceededError,
  EngineFailedError,
  ModelNotFoundError,
  UnsupportedParameterError
} from '../../../../protocols/errors.ts'
import type { ChatRequest } from '../../../../protocols/inference/index.ts'
import { record } from '../../../support/engines/fake-server.ts'
import { startOpenaiServer, type OpenaiServer } from '../../../support/engines/openai-server.ts'
import { nextTurn, type FakeReply } from '../../../support/engines/script.ts'
import { chat, collect, rejectsUnsupported } from '../contract.ts'

const MODEL = 'tiny-server'

describe('node/engines/openai', () => {
  let server: OpenaiServer
  let engine: Engine
  beforeEach(async () => {
    server = await startOpenaiServer()
    engine = openaiEngine({ url: server.url })
  })
  afterEach(async () => {
    await engine.close()
    await server.close()
  })

  const answer = (reply: FakeReply): void => {
    server.script = () => reply
  }
  const ask = (content: string, more: Partial<ChatRequest> = {}) =>
    collect(engine.generate(chat(MODEL, content, more)))
  const sent = (path = '/v1/chat/completions') => record(server.to(path).at(-1)?.body)

  describe('models', () => {
    const contextOf = async (model: Record<string, unknown>) => {
      server.models = [{ id: 'a', ...model }]
      return (await engine.models())[0]?.contextLength
    }

    it('finds the length of the context wherever the server tells it', async () => {
      assert.equal(await contextOf({}), 4096)
      assert.equal(await contextOf({ meta: { n_ctx_train: 1000 } }), 1000)
      assert.equal(await contextOf({ meta: { n_ctx_train: 1000 }, context_window: 2000 }), 2000)
      assert.equal(await contextOf({ max_model_len: 3000 }), 3000)
      assert.equal(await contextOf({ context_length: 5000 }), 5000)
      server.props = { default_generation_settings: { n_ctx: 512 } }
      assert.equal(await contextOf({ owned_by: 'llamacpp', meta: { n_ctx_train: 1000 } }), 512)
    })

    it('knows by the server and the name what a model can do', async () => {
      server.props = { modalities: { vision: true } }
      const [chats, embeds] = await engine.models()
      assert.ok(['vision', 'continue', 'tool_choice'].every((word) => chats?.capabilities.includes(word)))
      assert.deepEqual(embeds?.capabilities, ['embedding'])
      assert.equal(chats?.parameters, 656_256)
      assert.equal(chats.digest, null)
    })
  })

  describe('requests', () => {
    it('asks for a stream with its usage', async () => {
      await ask('Hello!')
      assert.deepEqual(sent(), {
        model: MODEL,
        messages: [{ role: 'user', content: 'Hello!' }],
        stream: true,
        stream_options: { include_usage: true }
      })
    })

    it('passes on what is asked in OpenAI’s terms', async () => {
      const more: Partial<ChatRequest> = {
        max_tokens: 5,
        temperature: 0.5,
        logit_bias: { '5': 1 },
        tools: [{ type: 'function', function: { name: 'f' } }],
        tool_choice: 'required',
        reasoning_effort: 'low',
        response_format: { type: 'json_object' }
      }
      await ask('Hello!', { ...more, top_logprobs: 2 })
      for (const [name, value] of Object.entries(more)) assert.deepEqual(sent()[name], value, name)
      assert.deepEqual([sent().logprobs, sent().top_logprobs], [true, 2])
    })

    it('continues a message where the server can', async () => {
      await ask('Hello!', { continue_final_message: true })
      assert.deepEqual([sent().continue_final_message, sent().add_generation_prompt], [true, false])
      server.models = [{ id: 'other' }]
      await rejectsUnsupported(
        engine.generate(chat('other', 'Hello!', { continue_final_message: true })),
        'continue_final_message'
      )
    })

    it('sends the key, and says when it is refused', async () => {
      await server.close()
      server = await startOpenaiServer({ apiKey: 'secret' })
      engine = openaiEngine({ url: server.url, apiKey: 'secret' })
      await engine.health()
      const stranger = openaiEngine({ url: server.url })
      await assert.rejects(
        stranger.health(),
        (err) => err instanceof EngineFailedError && err.message.includes('Invalid API Key')
      )
      await stranger.close()
    })
  })

  describe('answers', () => {
    it('skips comments and the role, and takes the usage of the last chunk', async () => {
      answer({ text: 'one two', promptTokens: 42 })
      const { text, deltas, end } = await ask('Hello!')
      assert.deepEqual([text, deltas], ['one two', 2])
      assert.deepEqual(end.usage, { promptTokens: 42, completionTokens: 2 })
    })

    it('counts itself where the server does not', async () => {
      server.quirks = { withoutUsage: true }
      answer({ text: 'one two' })
      const { usage } = (await ask('Hello!')).end
      assert.equal(usage.completionTokens, 2)
      assert.ok(usage.promptTokens > 0)
    })

    it('counts embeddings itself where the server says 0, so that they are not for nothing', async () => {
      const request = { kind: 'embedding' as const, model: 'tiny-embed', input: ['one two three', 'four'] }
      assert.equal((await engine.embed(request)).promptTokens, 4)
      server.quirks = { uncountedEmbeddings: true }
      assert.equal((await engine.embed(request)).promptTokens, 4)
    })

    it('leaves the length to a server that refuses one as long as its whole context', async () => {
      // What a contributor asks for where its consumer set no limit.
      const limits = async (max_tokens: number) => {
        await ask('Hello!', { max_tokens })
        await collect(engine.generate({ kind: 'completion', model: MODEL, prompt: 'Hello!', max_tokens }))
        return [sent().max_tokens, sent('/v1/completions').max_tokens]
      }
      server.models = [{ id: MODEL, owned_by: 'vllm', max_model_len: 4096 }]
      assert.deepEqual(await limits(4096), [null, null])
      assert.deepEqual(await limits(4000), [4000, 4000])
      server.models = [{ id: MODEL, owned_by: 'somebody' }]
      await engine.models()
      assert.deepEqual(await limits(4096), [4096, 4096])
    })

    for (const reasoningField of ['reasoning', 'reasoning_content'] as const) {
      it(`reads ${reasoningField}`, async () => {
        server.quirks = { reasoningField }
        answer({ thinking: 'Hm.', text: 'Yes.' })
        const { text, reasoning } = await ask('Hello!')
        assert.deepEqual([reasoning, text], ['Hm.', 'Yes.'])
      })
    }

    it('joins the pieces of tool calls', async () => {
      answer({
        toolCalls: [
          { name: 'a', arguments: { city: 'Lisbon' } },
          { name: 'b', arguments: {} }
        ]
      })
      const { toolCalls, end } = await ask('Hello!')
      assert.deepEqual(toolCalls, [
        { id: 'call_0', name: 'a', arguments: '{"city":"Lisbon"}' },
        { id: 'call_1', name: 'b', arguments: '{}' }
      ])
      assert.equal(end.finishReason, 'tool_calls')
    })
  })

  describe('failures', () => {
    it('means what the status says, and does not retry what no server could do', async () => {
      const cases = [
        [400, 'the request exceeds the available context size', ContextLengthExceededError],
        [400, 'bad value', BadRequestError],
        [404, 'The model does not exist', ModelNotFoundError],
        [429, 'slow down', BusyError],
        [500, '[json.exception.parse_error.101] parse error at line 1', BadRequestError],
        [500, 'image input is not supported - hint: provide the mmproj', UnsupportedParameterError],
        [500, 'the backend is gone', EngineFailedError],
        [503, 'Loading model', BusyError]
      ] as const
      for (const [code, error, expected] of cases) {
        answer({ status: { code, error } })
        await assert.rejects(ask('Hello!'), (err) => err instanceof expected, `${String(code)} ${error}`)
      }
    })

    for (const how of ['error', 'end', 'reset', 'garbage'] as const) {
      it(`fails when the answer breaks off: ${how}`, async () => {
        answer({ text: 'one two three', gate: nextTurn, breakAt: { piece: 2, how } })
        await assert.rejects(ask('Hello!'), EngineFailedError)
      })
    }

    it('never takes an answer for whole that has no finish_reason', async () => {
      server.quirks = { withoutFinishReason: true }
      await assert.rejects(ask('Hello!'), EngineFailedError)
    })

    it('survives an abort at any moment of an answer that has come whole', async () => {
      answer({ text: 'one two three' })
      for (let at = 0; at < 4; at++) {
        const abort = new AbortController()
        let events = 0
        const reading = Array.fromAsync(
          engine.generate(chat(MODEL, 'Hello!'), { signal: abort.signal }),
          () => events++ === at && abort.abort(new CancelledError())
        )
        // Aborted before its end, it says nothing more; what an error without a listener does, mocha reports.
        if (at < 3) await assert.rejects(reading, CancelledError)
        else await reading
        assert.equal(events, at + 1)
        await delay(5)
      }
    })

    it('hangs up on a server that does not end what it said is done', async () => {
      server.quirks = { withoutEnd: true }
      answer({ text: 'Fine.' })
      assert.equal((await ask('Hello!')).text, 'Fine.')
      while (server.aborted === 0) await delay(20)
    })

    it('says what to do when no server is there', async () => {
      await server.close()
      await assert.rejects(
        engine.health(),
        (err) => err instanceof EngineFailedError && /start it/.test(err.message)
      )
    })
  })
})
