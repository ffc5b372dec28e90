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
import { endless, nextTurn, type FakeReply } from '../../../support/engines/script.ts'
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
      assert.equal(await contextOf({}), null)
      assert.equal(await contextOf({ meta: { n_ctx_train: 1000 } }), 1000)
      assert.equal(await contextOf({ meta: { n_ctx_train: 1000, n_ctx: 500 } }), 500)
      assert.equal(await contextOf({ meta: { n_ctx_train: 1000 }, context_window: 2000 }), 2000)
      assert.equal(await contextOf({ max_model_len: 3000 }), 3000)
      assert.equal(await contextOf({ context_length: 5000 }), 5000)
      assert.equal(await contextOf({ max_context_length: 9000, loaded_context_length: 6000 }), 6000)
      server.props = { default_generation_settings: { n_ctx: 512 } }
      assert.equal(await contextOf({ owned_by: 'llamacpp', meta: { n_ctx_train: 1000 } }), 512)
    })

    it('knows the slots of llama.cpp’s server, and of no other', async () => {
      server.props = { total_slots: 4 }
      await contextOf({ owned_by: 'llamacpp' })
      assert.equal(await engine.parallelism?.(), 4)
      await contextOf({ owned_by: 'vllm' })
      assert.equal(await engine.parallelism?.(), undefined)
    })

    it('says where a server was started with less context than an agent needs and the model holds', async () => {
      const told = async (model: Record<string, unknown>) => {
        await contextOf(model)
        return engine.notes?.() ?? []
      }
      server.props = { default_generation_settings: { n_ctx: 4096 } }
      const [note = ''] = await told({ owned_by: 'llamacpp', meta: { n_ctx_train: 131_072 } })
      assert.match(note, /^a is offered with a context of 4096 tokens, not 32768: .*llama-server -c 32768/)
      const loaded = { loaded_context_length: 4096, max_context_length: 16_384 }
      assert.match((await told(loaded))[0] ?? '', /^a is offered .* not 16384: .*start it with more$/)
      assert.deepEqual(await told({ owned_by: 'llamacpp', meta: { n_ctx_train: 4096 } }), [])
      assert.deepEqual(await told({ max_context_length: 40_000, loaded_context_length: 32_768 }), [])
      assert.deepEqual(await told({ max_model_len: 4096 }), [], 'nobody knows whether the model holds more')
      assert.deepEqual(await told({}), [])
    })

    it('tells what llama.cpp’s server tells of a model, and of no other server more than it says', async () => {
      const meta = { n_params: 9, n_embd: 576, size: 1000, ftype: 'Q4_K - Medium' }
      server.props = { chat_template: '{{ messages }}' }
      server.models = [
        { id: 'a', owned_by: 'llamacpp', meta },
        { id: 'b', owned_by: 'vllm' }
      ]
      const [first, second] = await engine.models()
      const told = {
        quantization: 'Q4_K_M',
        format: 'gguf',
        embeddingLength: 576,
        size: 1000,
        template: '{{ messages }}'
      }
      assert.deepEqual({ ...first, ...told }, first)
      assert.deepEqual(Object.keys(second ?? {}).sort(), [
        'capabilities',
        'contextLength',
        'digest',
        'id',
        'parameters'
      ])
    })

    it('passes a prompt on where the context is unknown, and learns it from the refusal', async () => {
      server.models = [{ id: MODEL }]
      await ask('word '.repeat(10_000))
      const error =
        'This model\u2019s maximum context length is 4,096 tokens. However, you requested 10000 tokens.'
      answer({ status: { code: 400, error } })
      await assert.rejects(ask('word '.repeat(10_000)), {
        code: 'context_length_exceeded',
        contextLength: 4096
      })
      // Remembered: what cannot fit is refused here, and the list says so.
      assert.equal((await engine.models())[0]?.contextLength, 4096)
      const asked = server.requests.length
      await assert.rejects(ask('word '.repeat(10_000)), ContextLengthExceededError)
      assert.equal(server.requests.length, asked)
      answer({ text: 'Fine.' })
      assert.equal((await ask('Hello!')).text, 'Fine.')
    })

    it('sends no limit that only says that there is none', async () => {
      server.models = [{ id: MODEL }]
      await ask('Hello!', { max_tokens: 1_048_576 })
      assert.equal(sent().max_tokens, null)
      await ask('Hello!', { max_tokens: 100 })
      assert.equal(sent().max_tokens, 100)
    })

    it('offers a model that is a path by its name, asks for it by its path, and tells nobody the folder', async () => {
      const path = 'C:\\Users\\John Smith\\models\\tiny.gguf'
      server.models = [{ id: path, owned_by: 'llamacpp' }]
      assert.deepEqual(
        (await engine.models()).map(({ id }) => id),
        ['tiny.gguf']
      )
      await collect(engine.generate(chat('tiny.gguf', 'Hello!')))
      assert.equal(sent().model, path)
      answer({ status: { code: 500, error: `failed to load ${path} and /home/john/other/big.gguf` } })
      await assert.rejects(
        collect(engine.generate(chat('tiny.gguf', 'Hello!'))),
        (err: Error) =>
          err.message.includes('load tiny.gguf and big.gguf') && !/john|models/i.test(err.message)
      )
    })

    it('says what it was answered where that is no list of models', async () => {
      const wrong = openaiEngine({ url: `${server.url}/v1/nothing` })
      await assert.rejects(wrong.health(), EngineFailedError)
      await wrong.close()
      server.models = undefined as unknown as []
      await assert.rejects(engine.models(), /did not answer \/v1\/models with a list of models/)
      server.models = null as unknown as []
      assert.deepEqual(await engine.models(), [])
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

    it('wraps arguments in the history that are no JSON object', async () => {
      const call = (text: string) => ({
        id: 'a',
        type: 'function' as const,
        function: { name: 'f', arguments: text }
      })
      const sentArguments = async (text: string) => {
        await collect(
          engine.generate({
            kind: 'chat',
            model: MODEL,
            messages: [
              { role: 'user', content: 'Hello!' },
              { role: 'assistant', content: null, tool_calls: [call(text)] },
              { role: 'tool', tool_call_id: 'a', content: 'done' }
            ]
          })
        )
        const message = record((sent().messages as unknown[])[1])
        return record(record((message.tool_calls as unknown[])[0]).function).arguments
      }
      assert.equal(await sentArguments('{"x": 1}'), '{"x":1}')
      assert.equal(await sentArguments(''), '{}')
      assert.equal(await sentArguments('ls -l'), '{"arguments":"ls -l"}')
      assert.equal(await sentArguments('[1]'), '{"arguments":"[1]"}')
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

    it('reads vectors in base64, and without an index', async () => {
      const request = { kind: 'embedding' as const, model: 'tiny-embed', input: ['one', 'two'] }
      const base64 = Buffer.from(Float32Array.of(0.5, -1).buffer).toString('base64')
      server.embedded = { data: [{ embedding: base64 }, { index: null, embedding: [[1, 2]] }], usage: null }
      const { vectors, promptTokens } = await engine.embed(request)
      assert.deepEqual(
        vectors.map((vector) => [...vector]),
        [
          [0.5, -1],
          [1, 2]
        ]
      )
      assert.ok(promptTokens > 0)
      server.embedded = { data: [{ index: 0, embedding: [1] }] }
      await assert.rejects(engine.embed(request), /1 vectors for 2 inputs/)
      server.embedded = { data: 'oops' }
      await assert.rejects(engine.embed(request), /something other than vectors/)
    })

    it('leaves the length to a server that refuses one as long as its whole context', async () => {
      // A contributor's own limit if its consumer set none.
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

  describe('slots', () => {
    const leave = async () => {
      answer({ text: endless(), gate: nextTurn })
      for await (const event of engine.generate(chat(MODEL, 'endless'))) if (event.type === 'delta') return
    }

    it('knows what llama.cpp still works on after a request was left', async () => {
      server.slots = [true, false]
      await engine.models()
      assert.equal(await engine.busy?.(), 0)
      await leave()
      assert.equal(await engine.busy?.(), 1)
      server.slots = [false, false]
      assert.equal(await engine.busy?.(), 0)
      server.slots = [true, true]
      // These are the owner's own.
      assert.equal(await engine.busy?.(), 0)
    })

    it('takes a server that does not tell its slots in time for busy, and one that never tells for free', async () => {
      await engine.models()
      await leave()
      server.slots = 'silent'
      assert.equal(await engine.busy?.(), 1)
      server.slots = undefined
      assert.equal(await engine.busy?.(), 0)
    })
  })

  describe('failures', () => {
    it('means what the status says, and does not retry what no server could do', async () => {
      const cases = [
        [400, 'the request exceeds the available context size', ContextLengthExceededError],
        [
          500,
          'input (700 tokens) is too large to process. increase the physical batch size',
          ContextLengthExceededError
        ],
        [500, 'Context size has been exceeded.', ContextLengthExceededError],
        [
          422,
          'Input validation error: `inputs` must have less than 2048 tokens. Given: 2222',
          ContextLengthExceededError
        ],
        [400, 'bad value', BadRequestError],
        [
          501,
          'This server does not support embeddings. Start it with `--embeddings`',
          UnsupportedParameterError
        ],
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
