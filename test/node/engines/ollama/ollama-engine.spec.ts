import assert from 'node:assert/strict'
import { ollamaEngine, type Engine } from '../../../../node/engines/index.ts'
import {
  BadRequestError,
  BusyError,
  ContextLengthExceededError,
  EngineFailedError,
  ModelNotFoundError
} from '../../../../protocols/errors.ts'
import type { ChatMessage, ChatRequest } from '../../../../protocols/inference/index.ts'
import { record, list } from '../../../support/engines/fake-server.ts'
import {
  DEFAULT_MODELS,
  startOllamaServer,
  type OllamaServer
} from '../../../support/engines/ollama-server.ts'
import { nextTurn, type FakeReply } from '../../../support/engines/script.ts'
import { until } from '../../../support/mesh.ts'
import { chat, collect, rejectsUnsupported } from '../contract.ts'

const MODEL = 'llama3.2:3b'
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

describe('node/engines/ollama', () => {
  let server: OllamaServer
  let engine: Engine
  beforeEach(async () => {
    server = await startOllamaServer()
    engine = ollamaEngine({ url: server.url, memory: 64 * 2 ** 30 })
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
  /** The body of the last request to a path. */
  const sent = (path = '/api/chat') => record(server.to(path).at(-1)?.body)
  const tool = { type: 'function' as const, function: { name: 'get_weather' } }

  it('measures how many requests are answered side by side, once it has answered one', async () => {
    const together = Promise.withResolvers<void>()
    const held = Promise.withResolvers<void>()
    let asked = 0
    assert.equal(await engine.parallelism?.(), undefined)
    await ask('Hello')
    server.script = () => {
      const first = ++asked === 1
      if (asked === 8) together.resolve()
      const gate = (piece: number): Promise<unknown> => {
        if (piece === 1) return together.promise
        return !first && piece === 40 ? held.promise : nextTurn()
      }
      return { text: Array<string>(64).fill('on '), gate }
    }
    await until(async () => (await engine.parallelism?.()) !== undefined)
    assert.equal(await engine.parallelism?.(), 8)
    held.resolve()
    assert.equal(asked, 8)
  })

  describe('models', () => {
    it('tells what Ollama tells, held to the context length of this node', async () => {
      const models = await engine.models()
      const listed = list(record(await (await fetch(`${server.url}/api/tags`)).json()).models).map(record)
      const { template, ...model } = models[0]!
      assert.match(template ?? '', /start_header_id/)
      assert.deepEqual(model, {
        id: MODEL,
        digest: listed[0]?.digest,
        contextLength: 32_768,
        parameters: 3_212_749_888,
        quantization: 'Q4_K_M',
        format: 'gguf',
        family: 'llama',
        families: ['llama'],
        embeddingLength: 3072,
        size: 2_019_393_189,
        loaded: false,
        capabilities: ['chat', 'completion', 'json_object', 'json_schema', 'logprobs', 'tools', 'continue']
      })
      const embedding = models.find((model) => model.id === 'nomic-embed-text:latest')
      assert.equal(embedding?.contextLength, 2048)
      assert.deepEqual(embedding.capabilities, ['embedding'])
    })

    it('never offers nor asks what Ollama passes on to its cloud', async () => {
      const remote = { model: 'gpt-oss:120b', host: 'https://ollama.com:443' }
      server.models = [
        { name: 'mine:latest', remote },
        { name: 'kimi-k2:cloud' },
        { name: 'gpt-oss:120b-cloud' },
        { name: 'cloud:7b' }
      ]
      assert.deepEqual(
        (await engine.models()).map((model) => model.id),
        ['cloud:7b']
      )
      for (const model of ['mine', 'mine:latest', 'kimi-k2:cloud', 'gpt-oss:120b-cloud']) {
        await assert.rejects(collect(engine.generate(chat(model, 'Hello!'))), ModelNotFoundError)
      }
      assert.deepEqual(server.to('/api/chat'), [])
      const shown = server.to('/api/show').map(({ body }) => record(body).model)
      assert.deepEqual(new Set(shown), new Set(['cloud:7b']))
    })

    it('asks once what a digest stands for', async () => {
      await engine.models()
      await engine.models()
      assert.equal(server.to('/api/tags').length, 2)
      assert.equal(server.to('/api/show').length, DEFAULT_MODELS.filter((model) => !model.remote).length)
      server.models = [{ ...DEFAULT_MODELS[0]!, digest: 'another', contextLength: 4096 }]
      assert.equal((await engine.models())[0]?.contextLength, 4096)
    })

    it('leaves out a model that Ollama cannot describe, and offers the others', async () => {
      server.models = [{ name: 'broken:7b', damaged: true }, { name: 'whole:7b' }]
      assert.deepEqual(
        (await engine.models()).map((model) => model.id),
        ['whole:7b']
      )
      assert.ok((await collect(engine.generate(chat('whole:7b', 'Hello!')))).text)
      server.models = [{ name: 'broken:7b', damaged: true }]
      await assert.rejects(engine.models(), { name: 'EngineFailedError', message: /invalid file magic/ })
    })

    it('makes room for the first turn of an agent, and for more where more is loaded', async () => {
      const [first] = await engine.models()
      assert.equal(first?.contextLength, 32_768)
      await ask('word '.repeat(12_000))
      server.loaded.set(MODEL, 65_536)
      assert.equal((await engine.models())[0]?.contextLength, 65_536)
      server.models = [{ name: MODEL, digest: 'short', contextLength: 16_384 }]
      assert.equal((await engine.models())[0]?.contextLength, 16_384)
    })

    it('lowers the context only where the memory does not suffice, and says so', async () => {
      const engine = ollamaEngine({ url: server.url, memory: 6 * 2 ** 30 })
      server.models = [{ name: MODEL, size: 3e9 }]
      const [model] = await engine.models()
      // 28 layers of 8 heads of twice 128 numbers of 2 bytes: 112 KiB a token, and 2.15 GB are free.
      assert.equal(model?.contextLength, 18_432)
      assert.match(
        engine.notes?.()[0] ?? '',
        /^llama3\.2:3b is offered with a context of 18432 tokens, not 32768: more/
      )
      server.models = [{ name: MODEL, size: 8e9 }]
      assert.equal((await engine.models())[0]?.contextLength, 32_768, 'larger than all memory: in a GPU')
      assert.deepEqual(engine.notes?.(), [])
      await engine.close()
    })

    it('uses what the owner has loaded where it suffices, and else loads once', async () => {
      server.loaded.set(MODEL, 65_536)
      await ask('Hello!')
      assert.deepEqual([record(sent().options).num_ctx, server.loads], [65_536, 0])
      server.loaded.set(MODEL, 8192)
      await ask('Hello!')
      await ask('Hello!')
      assert.equal(server.loads, 1)
    })

    it('tells the digest of a name as it is now', async () => {
      server.models = [{ name: MODEL, digest: 'old' }]
      await engine.models()
      server.models = [{ name: MODEL, digest: 'new' }]
      assert.equal(await engine.digest?.('library/Llama3.2:3B'), 'new')
      assert.equal(await engine.digest?.('other'), undefined)
    })

    for (const name of ['Llama3.2:3B', 'library/llama3.2:3b', 'registry.ollama.ai/library/llama3.2:3b']) {
      it(`finds ${name} as Ollama does`, async () => {
        assert.ok((await collect(engine.generate(chat(name, 'Hello!')))).text)
        assert.equal(sent().model, MODEL)
      })
    }

    for (const end of ['/', '/v1', '/v1/', '/api']) {
      it(`understands an address that ends in ${end}`, async () => {
        const engine = ollamaEngine({ url: server.url + end })
        await engine.health()
        await engine.close()
      })
    }

    it('finds a model by its name without the implied tag', async () => {
      server.models = [{ name: 'mistral:latest' }]
      assert.ok((await collect(engine.generate(chat('mistral', 'Hello!')))).text)
      assert.equal(sent().model, 'mistral:latest')
    })
  })

  describe('requests', () => {
    it('pins what makes Ollama load the model again or drop messages', async () => {
      // The owner's program says nothing of shifting.
      const owner = { model: MODEL, messages: [{ role: 'user', content: 'Hello!' }], stream: false }
      const body = JSON.stringify({ ...owner, options: { num_ctx: 32_768 } })
      await fetch(`${server.url}/api/chat`, { method: 'POST', body })
      await ask('Hello!')
      const { stream, truncate, options } = sent()
      assert.deepEqual(
        { stream, truncate, num_ctx: record(options).num_ctx, loads: server.loads },
        { stream: true, truncate: false, num_ctx: 32_768, loads: 1 }
      )
    })

    it('asks for no more tokens than the context has room for', async () => {
      server.models = [{ name: MODEL, contextLength: 1024 }]
      const prompt = 'word '.repeat(700)
      await ask(prompt)
      // 3500 characters are about 778 tokens, and the template adds a few.
      assert.equal(record(sent().options).num_predict, 242)
      await ask(prompt, { max_tokens: 10_000 })
      assert.equal(record(sent().options).num_predict, 242)
      await ask(prompt, { max_tokens: 9 })
      assert.equal(record(sent().options).num_predict, 9)
    })

    it('passes sampling on', async () => {
      const sampling = { temperature: 0.5, top_p: 0.9, top_k: 20, min_p: 0.1, seed: 7, stop: ['END'] }
      const penalties = { presence_penalty: 0.5, frequency_penalty: -0.5 }
      await ask('Hello!', { ...sampling, ...penalties, max_tokens: 9 })
      assert.deepEqual(sent().options, { num_ctx: 32_768, num_predict: 9, ...sampling, ...penalties })
    })

    it('translates a conversation with tools', async () => {
      const call = {
        id: 'call_1',
        type: 'function' as const,
        function: { name: 'get_weather', arguments: '{"city":"Lisbon"}' }
      }
      const messages: ChatMessage[] = [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'The ' },
            { type: 'text', text: 'weather?' }
          ]
        },
        { role: 'assistant', content: null, reasoning_content: 'Ask.', tool_calls: [call] },
        { role: 'tool', tool_call_id: 'call_1', content: 'Sun' }
      ]
      await ask('', { messages, tools: [tool] })
      assert.deepEqual(sent().messages, [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'The weather?' },
        {
          role: 'assistant',
          content: '',
          thinking: 'Ask.',
          tool_calls: [{ id: 'call_1', function: { name: 'get_weather', arguments: { city: 'Lisbon' } } }]
        },
        { role: 'tool', content: 'Sun', tool_call_id: 'call_1', tool_name: 'get_weather' }
      ])
      assert.deepEqual(sent().tools, [
        {
          type: 'function',
          function: { name: 'get_weather', parameters: { type: 'object', properties: {} } }
        }
      ])
    })

    it('wraps arguments of a tool that are not an object', async () => {
      const call = { id: 'call_1', type: 'function' as const, function: { name: 'f', arguments: '{oops' } }
      await ask('', { messages: [{ role: 'assistant', tool_calls: [call] }] })
      const [message] = list(sent().messages).map(record)
      assert.deepEqual(record(record(list(message?.tool_calls)[0]).function).arguments, {
        arguments: '{oops'
      })
    })

    it('leaves tools out when none may be called, and refuses to force one', async () => {
      await ask('What is the weather?', { tools: [tool], tool_choice: 'none' })
      assert.equal(sent().tools, undefined)
      await rejectsUnsupported(
        engine.generate(chat(MODEL, 'Hello!', { tools: [tool], tool_choice: 'required' })),
        'tool_choice'
      )
      const named = { type: 'function' as const, function: { name: 'get_weather' } }
      await rejectsUnsupported(
        engine.generate(chat(MODEL, 'Hello!', { tools: [tool], tool_choice: named })),
        'tool_choice'
      )
    })

    it('refuses what the API or the model lacks', async () => {
      await rejectsUnsupported(
        engine.generate(chat(MODEL, 'Hello!', { logit_bias: { '5': 1 } })),
        'logit_bias'
      )
      await rejectsUnsupported(engine.generate(chat('codellama:code', 'Hello!', { tools: [tool] })), 'tools')
      const completion = { kind: 'completion' as const, model: MODEL, prompt: 'a', suffix: 'b' }
      await rejectsUnsupported(engine.generate(completion), 'suffix')
      assert.deepEqual(server.to('/api/chat'), [])
      assert.deepEqual(server.to('/api/generate'), [])
    })

    describe('to continue the last message', () => {
      const begun = 'A mesh is a group'
      const request = (content: string, question = 'What is a mesh?'): ChatRequest => ({
        ...chat(MODEL, question, { continue_final_message: true }),
        messages: [
          { role: 'user', content: question },
          { role: 'assistant', content }
        ]
      })
      const offered = async () => (await engine.models())[0]?.capabilities.includes('continue')

      it('are taken where the template leaves that message open', async () => {
        assert.equal(await offered(), true)
        const { text, end } = await collect(engine.generate(request(begun)))
        assert.equal(text, ' of computers that help each other.')
        assert.equal(end.finishReason, 'stop')
        assert.deepEqual(record(list(sent().messages).at(-1)), { role: 'assistant', content: begun })
      })

      it('are refused where the template closes it', async () => {
        server.models = [{ name: MODEL, template: 'closes' }]
        assert.equal(await offered(), false)
        await rejectsUnsupported(engine.generate(request(begun)), 'continue_final_message')
        assert.deepEqual(server.to('/api/chat'), [])
      })

      it('are taken where Ollama leaves the template to llama.cpp, whose echo is taken off', async () => {
        server.models = [{ name: MODEL, template: 'echoes' }]
        assert.equal(await offered(), true)
        for (const content of [begun, 'A']) {
          const { text } = await collect(engine.generate(request(content)))
          assert.equal(content + text, 'A mesh is a group of computers that help each other.')
        }
        server.models = [
          { name: MODEL, digest: 'thinks', template: 'echoes', capabilities: ['completion', 'thinking'] }
        ]
        assert.equal(await offered(), false)
      })

      it('keep what only begins like an echo', async () => {
        answer({ text: 'A mesh is a group of A mesh is another' })
        assert.equal((await collect(engine.generate(request(begun)))).text, ' of A mesh is another')
        answer({ text: ['A mesh', ' is not.'] })
        assert.equal((await collect(engine.generate(request(begun)))).text, 'A mesh is not.')
        answer({ text: ['A mesh'] })
        const { text, tokens, end } = await collect(engine.generate(request(begun)))
        assert.deepEqual([text, tokens, end.usage.completionTokens], ['A mesh', 2, 2])
      })

      it('are refused without text to continue', async () => {
        for (const broken of [request(''), chat(MODEL, 'Hello!', { continue_final_message: true })]) {
          await assert.rejects(collect(engine.generate(broken)), BadRequestError)
        }
      })
    })

    it('passes images on as base64, to models that see', async () => {
      const url = `data:image/png;base64,${PIXEL}`
      const messages: ChatMessage[] = [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }]
      await collect(engine.generate({ kind: 'chat', model: 'llava:7b', messages }))
      assert.deepEqual(sent().messages, [{ role: 'user', content: '', images: [PIXEL] }])
      await rejectsUnsupported(engine.generate({ kind: 'chat', model: MODEL, messages }), 'messages')
    })

    it('never takes the text of an image for a path', async () => {
      // Letters and slashes are base64, and a path.
      const url = 'data:image/png;base64,/etc/hostname'
      const messages: ChatMessage[] = [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }]
      await collect(engine.generate({ kind: 'chat', model: 'llava:7b', messages }))
      assert.deepEqual(list(record(list(sent().messages)[0]).images), ['/etc/hostname'])
    })

    it('asks for JSON by format', async () => {
      await ask('Hello!', { response_format: { type: 'json_object' } })
      assert.equal(sent().format, 'json')
      const schema = { type: 'object', properties: {} }
      await ask('Hello!', { response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } })
      assert.deepEqual(sent().format, schema)
    })

    it('asks models that think for as much as is wanted, and others for none', async () => {
      const think = async (model: string, effort?: ChatRequest['reasoning_effort']) => {
        await collect(
          engine.generate(chat(model, 'Hello!', { ...(effort ? { reasoning_effort: effort } : {}) }))
        )
        return sent().think
      }
      assert.equal(await think('qwen3:8b'), undefined)
      assert.equal(await think('qwen3:8b', 'none'), false)
      assert.equal(await think('qwen3:8b', 'minimal'), 'low')
      assert.equal(await think('qwen3:8b', 'medium'), 'medium')
      assert.equal(await think('qwen3:8b', 'xhigh'), 'high')
      assert.equal(await think(MODEL, 'high'), undefined)
    })

    it('lets a model think as it does where Ollama takes no degree', async () => {
      server.thinksByLevel = false
      const request = chat('qwen3:8b', 'Hello!', { reasoning_effort: 'low' })
      assert.ok((await collect(engine.generate(request))).text)
      assert.deepEqual(
        server.to('/api/chat').map(({ body }) => record(body).think),
        ['low', true]
      )
    })

    it('completes raw text, but with a suffix by the template', async () => {
      await collect(engine.generate({ kind: 'completion', model: MODEL, prompt: '<s>once' }))
      assert.deepEqual([sent('/api/generate').raw, sent('/api/generate').prompt], [true, '<s>once'])
      await collect(
        engine.generate({ kind: 'completion', model: 'codellama:code', prompt: 'a', suffix: 'b' })
      )
      assert.deepEqual([sent('/api/generate').raw, sent('/api/generate').suffix], [undefined, 'b'])
    })

    it('refuses an empty prompt, which Ollama takes for an order to load', () =>
      assert.rejects(
        collect(engine.generate({ kind: 'completion', model: MODEL, prompt: '' })),
        BadRequestError
      ))

    it('embeds without truncation, unless it is asked to truncate', async () => {
      const model = 'nomic-embed-text:latest'
      const { vectors } = await engine.embed({ kind: 'embedding', model, input: ['a'], dimensions: 4 })
      assert.equal(vectors[0]?.length, 4)
      assert.equal(sent('/api/embed').truncate, false)
      const long = { kind: 'embedding' as const, model, input: ['a '.repeat(3000)] }
      await assert.rejects(engine.embed(long), ContextLengthExceededError)
      const cut = await engine.embed({ ...long, truncate: true })
      assert.equal(cut.vectors.length, 1)
    })

    it('counts embeddings itself where Ollama does not', async () => {
      const model = 'nomic-embed-text:latest'
      const request = { kind: 'embedding' as const, model, input: ['one two three', 'four'] }
      assert.equal((await engine.embed(request)).promptTokens, 4)
      server.uncountedEmbeddings = true
      assert.equal((await engine.embed(request)).promptTokens, 4)
    })
  })

  describe('answers', () => {
    it('tells reasoning from content', async () => {
      const { text, reasoning } = await collect(engine.generate(chat('qwen3:8b', 'What is a mesh?')))
      assert.equal(reasoning, 'Let me think.')
      assert.match(text, /^A mesh/)
    })

    it('gives every tool call an id, and keeps Ollama’s', async () => {
      answer({
        toolCalls: [
          { name: 'a', arguments: {} },
          { name: 'b', arguments: { x: 1 } }
        ]
      })
      const { toolCalls, end } = await ask('Go!', { tools: [tool] })
      assert.deepEqual(toolCalls, [
        { id: 'call_00000000', name: 'a', arguments: '{}' },
        { id: 'call_00000001', name: 'b', arguments: '{"x":1}' }
      ])
      assert.equal(end.finishReason, 'tool_calls')
    })

    it('unwraps JSON within the JSON of arguments where the schema wants no text', async () => {
      const properties = { list: { type: 'array' }, text: { type: 'string' } }
      const f = {
        type: 'function' as const,
        function: { name: 'f', parameters: { type: 'object', properties } }
      }
      answer({ toolCalls: [{ name: 'f', arguments: { list: '["a"]', text: '["a"]' } }] })
      const { toolCalls } = await ask('Go!', { tools: [f] })
      assert.deepEqual(JSON.parse(toolCalls[0]?.arguments ?? ''), { list: ['a'], text: '["a"]' })
    })

    it('passes one tool call on where only one is wanted', async () => {
      answer({
        toolCalls: [
          { name: 'a', arguments: {} },
          { name: 'b', arguments: {} }
        ]
      })
      const { toolCalls } = await ask('Go!', { tools: [tool], parallel_tool_calls: false })
      assert.deepEqual(
        toolCalls.map((call) => call.name),
        ['a']
      )
    })

    it('takes Ollama’s counts', async () => {
      answer({ text: 'one two three', promptTokens: 42 })
      assert.deepEqual((await ask('Hello!')).end.usage, { promptTokens: 42, completionTokens: 3 })
    })

    it('estimates the prompt where Ollama does not count it', async () => {
      answer({ text: 'one', promptTokens: 0 })
      assert.ok((await ask('Hello!')).end.usage.promptTokens > 0)
    })
  })

  describe('failures', () => {
    it('means what the status says', async () => {
      const cases = [
        [400, 'invalid options', BadRequestError],
        [400, 'the request exceeds the available context size', ContextLengthExceededError],
        [404, `model '${MODEL}' not found`, ModelNotFoundError],
        [500, 'model runner has unexpectedly stopped', EngineFailedError],
        [503, 'server busy, please try again. maximum pending requests exceeded', BusyError]
      ] as const
      for (const [code, error, expected] of cases) {
        answer({ status: { code, error } })
        await assert.rejects(
          ask('Hello!'),
          (err) => err instanceof expected && err.message.includes(error.slice(0, 20))
        )
      }
    })

    it('repeats nothing of an answer that Ollama could not read', async () => {
      const said = `error parsing tool call: raw='{"secret": \n'mine'}', err=unexpected end of JSON input`
      answer({ status: { code: 500, error: said } })
      await assert.rejects(ask('Hello!'), (err: Error) => {
        assert.match(err.message, /error parsing tool call: raw='…', err=unexpected end/)
        assert.doesNotMatch(err.message, /secret|mine/)
        return true
      })
    })

    it('bounds what Ollama says', async () => {
      answer({ status: { code: 400, error: 'x\n'.repeat(100_000) } })
      await assert.rejects(ask('Hello!'), (err) => err instanceof BadRequestError && err.message.length < 500)
    })

    for (const how of ['error', 'end', 'reset', 'garbage'] as const) {
      it(`fails when the answer breaks off: ${how}`, async () => {
        answer({ text: 'one two three', gate: nextTurn, breakAt: { piece: 2, how } })
        const printed = await printedBy(() => assert.rejects(ask('Hello!'), EngineFailedError))
        assert.deepEqual(printed, [])
      })
    }

    it('takes Ollama’s guard against repetition for an end, not for a failure', async () => {
      const text = ['once', ...Array<string>(31).fill(' again')]
      answer({ text, breakAt: { piece: 32, how: 'end' } })
      assert.equal((await ask('Hello!')).end.finishReason, 'length')
      answer({ text, breakAt: { piece: 20, how: 'end' } })
      await assert.rejects(ask('Hello!'), EngineFailedError)
    })

    it('knows that Ollama is busy with a prompt that was left', async () => {
      const { promise, resolve } = Promise.withResolvers<undefined>()
      answer({ text: 'one', gate: () => promise })
      const controller = new AbortController()
      const signal = controller.signal
      const left = assert.rejects(collect(engine.generate(chat(MODEL, 'word '.repeat(600)), { signal })))
      await server.arrival('/api/chat')
      assert.equal(await engine.busy?.(), 0)
      controller.abort()
      await left
      assert.equal(await engine.busy?.(), 1)
      resolve(undefined)
      await ask('Hello!')
      assert.equal(await engine.busy?.(), 0)
    })

    it('says what to do when Ollama is not there', async () => {
      await server.close()
      await assert.rejects(
        engine.health(),
        (err) => err instanceof EngineFailedError && err.message.includes('ollama serve')
      )
      await assert.rejects(ask('Hello!'), EngineFailedError)
    })

    it('leaves before the headers when it is aborted', async () => {
      const { promise, resolve } = Promise.withResolvers<undefined>()
      answer({ text: 'one', gate: () => promise })
      const controller = new AbortController()
      const answered = collect(engine.generate(chat(MODEL, 'Hello!'), { signal: controller.signal }))
      const rejected = assert.rejects(answered, { message: 'enough' })
      const request = await server.arrival('/api/chat')
      controller.abort(new BadRequestError('enough'))
      await rejected
      assert.equal(await request.over, 'aborted')
      resolve(undefined)
    })
  })
})

/** Console output while something runs. */
async function printedBy(work: () => Promise<unknown>): Promise<unknown[]> {
  const printed: unknown[] = []
  const original = { ...globalThis.console }
  const keep = (...words: unknown[]): void => void printed.push(words)
  Object.assign(globalThis.console, { log: keep, warn: keep, error: keep })
  try {
    await work()
  } finally {
    Object.assign(globalThis.console, original)
  }
  return printed
}
