import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { EmbeddedEngine } from '../../../../node/engines/embedded/embedded-engine.ts'
import type { EmbeddedEngineInit } from '../../../../node/engines/index.ts'
import {
  BadRequestError,
  ContextLengthExceededError,
  EngineFailedError,
  ModelNotFoundError
} from '../../../../protocols/errors.ts'
import { chat, collect, rejectsUnsupported } from '../contract.ts'

const ENGINE = new URL('../../../../node/engines/embedded/embedded-engine.ts', import.meta.url)
const CHAT_MODEL = fileURLToPath(new URL('./models/tiny-chat-q8_0.gguf', ENGINE))
const RANDOM_MODEL = fileURLToPath(
  new URL('../../../fixtures/tiny-model/tiny-random-q8.gguf', import.meta.url)
)
const MODEL = 'tiny-chat'
/** Weights of chance; asked for `lobster`, they go on until the context is full, for seconds. */
const ENDLESS = { modelPath: RANDOM_MODEL, modelName: 'endless', contextSize: 2048, slots: 1 }

describe('node/engines/embedded', function () {
  this.timeout(60_000)
  const engines: EmbeddedEngine[] = []
  const start = (init: EmbeddedEngineInit = {}): EmbeddedEngine => {
    const engine = new EmbeddedEngine(init)
    engines.push(engine)
    return engine
  }
  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.close()))
  })

  it('answers with the model that comes with the package, and says that it only demonstrates', async () => {
    const engine = start()
    const digest = createHash('sha256')
      .update(await readFile(CHAT_MODEL))
      .digest('hex')
    const [model] = await engine.models()
    const { template, ...told } = model ?? {}
    assert.match(template ?? '', /<\|im_start\|>/)
    assert.deepEqual(told, {
      id: MODEL,
      digest: `sha256:${digest}`,
      contextLength: 1024,
      parameters: 656_256,
      quantization: 'Q8_0',
      format: 'gguf',
      family: 'llama',
      families: ['llama'],
      embeddingLength: 128,
      size: 713_632,
      capabilities: ['chat', 'json_object', 'json_schema', 'continue', 'completion'],
      demonstration: true
    })
    const { text } = await collect(engine.generate(chat(MODEL, 'What is a mesh?')))
    assert.match(text, /^A mesh is a group of computers/)
  })

  it('says of no other model that it demonstrates, and takes the name it is given', async () => {
    const [model] = await start({ modelPath: CHAT_MODEL, modelName: 'mine:1b', contextSize: 512 }).models()
    assert.deepEqual([model?.id, model?.contextLength, model?.demonstration], ['mine:1b', 512, undefined])
  })

  it('offers all that the model holds and, where the free memory does not suffice, less, and says so', async () => {
    const whole = start({ modelPath: RANDOM_MODEL, modelName: 'random' })
    assert.equal((await whole.models())[0]?.contextLength, 2048)
    assert.deepEqual(whole.notes(), [])
    const tight = start({ modelPath: RANDOM_MODEL, modelName: 'random', memory: 1e6 })
    const offered = (await tight.models())[0]?.contextLength ?? 0
    assert.ok(offered > 0 && offered < 2048, String(offered))
    assert.deepEqual(tight.notes(), [
      `random is offered with a context of ${offered} tokens, not 2048: more does not fit this machine's free memory`
    ])
    const named = start({ modelPath: RANDOM_MODEL, modelName: 'random', memory: 1e6, contextSize: 2048 })
    await assert.rejects(named.models(), {
      name: 'EngineFailedError',
      message: /too large for the available/
    })
  })

  it('tells the digest of the model in memory, whatever becomes of its file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lobstah-'))
    try {
      const modelPath = join(folder, 'model.Q8_0.gguf')
      await copyFile(RANDOM_MODEL, modelPath)
      const engine = start({ modelPath })
      const [first] = await engine.models()
      assert.equal(first?.id, 'model')
      await rm(modelPath)
      assert.deepEqual(await engine.models(), [first])
      await copyFile(CHAT_MODEL, modelPath)
      assert.deepEqual(await engine.models(), [first])
      await engine.process?.kill()
      const [second] = await engine.models()
      const digest = createHash('sha256').update(await readFile(CHAT_MODEL))
      assert.equal(second?.digest, `sha256:${digest.digest('hex')}`)
      assert.notEqual(second.digest, first.digest)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('goes on with the assistant’s own words', async () => {
    const messages = [
      { role: 'user' as const, content: 'What is a mesh?' },
      { role: 'assistant' as const, content: 'A mesh is a' }
    ]
    const request = { kind: 'chat' as const, model: MODEL, messages, continue_final_message: true }
    assert.match((await collect(start().generate(request))).text, /^ group of computers/)
  })

  it('never takes a user’s text for control tokens', async () => {
    const engine = start()
    const tokens = async (content: string) => (await engine.countTokens(chat(MODEL, content))).tokens
    // One token if it were taken for one.
    assert.ok((await tokens('a <|im_end|> b')) - (await tokens('a  b')) > 4)
    const completion = { kind: 'completion' as const, model: MODEL, prompt: '<|im_end|>' }
    assert.ok((await engine.countTokens(completion)).tokens > 4)
  })

  it('fills the context to its end, and refuses what is longer before any work', async () => {
    const engine = start({ contextSize: 256 })
    const count = async (content: string) => (await engine.countTokens(chat(MODEL, content))).tokens
    const frame = await count('a')
    const ask = (tokens: number) =>
      collect(engine.generate(chat(MODEL, 'a' + ' a'.repeat(tokens - frame), { max_tokens: 1000 })))
    const { usage } = (await ask(200)).end
    assert.equal(usage.promptTokens, 200)
    assert.ok(usage.completionTokens > 1 && usage.completionTokens <= 56)
    assert.deepEqual((await ask(239)).end, {
      type: 'end',
      finishReason: 'length',
      usage: { promptTokens: 239, completionTokens: 1 }
    })
    await assert.rejects(ask(240), ContextLengthExceededError)
    await assert.rejects(ask(400), ContextLengthExceededError)
  })

  it('lets requests wait for a slot, in turn, and leave', async () => {
    const engine = start({ slots: 1 })
    const controller = new AbortController()
    const first = collect(engine.generate(chat(MODEL, 'Tell me a story.')))
    const left = collect(engine.generate(chat(MODEL, 'Hello!'), { signal: controller.signal }))
    const rejected = assert.rejects(left, { message: 'enough' })
    const last = collect(engine.generate(chat(MODEL, 'What is a mesh?')))
    controller.abort(new BadRequestError('enough'))
    await rejected
    assert.ok((await first).text.length > 0)
    assert.match((await last).text, /^A mesh/)
  })

  it('stops within 200 ms of an abort, though nobody reads', async () => {
    const times: number[] = []
    // A busy machine may be late once; an engine that does not stop is late always.
    while (times.length < 3 && !times.some((time) => time <= 200)) {
      const engine = start(ENDLESS)
      const controller = new AbortController()
      const answer = engine.generate(chat('endless', 'lobster'), { signal: controller.signal })
      const events = answer[Symbol.asyncIterator]()
      await events.next()
      controller.abort(new BadRequestError('enough'))
      const aborted = performance.now()
      await engine.process?.idle()
      times.push(performance.now() - aborted)
      await assert.rejects(events.next(), { message: 'enough' })
    }
    assert.ok(Math.min(...times) <= 200, `stopped after ${times.join(', ')} ms`)
  })

  it('fails the request when its process crashes, and starts another for the next', async () => {
    const engine = start(ENDLESS)
    const events = engine.generate(chat('endless', 'lobster'))[Symbol.asyncIterator]()
    await events.next()
    const first = engine.process
    process.kill(first!.pid!, 'SIGKILL')
    await assert.rejects(async () => {
      while ((await events.next()).done !== true);
    }, EngineFailedError)
    assert.ok(first?.ended)
    assert.ok((await collect(engine.generate(chat('endless', 'lobster', { max_tokens: 5 })))).end)
    assert.notEqual(engine.process?.pid, first.pid)
  })

  it('leaves no process behind when it is closed', async () => {
    const engine = start()
    await engine.health()
    const { pid } = engine.process!
    await engine.close()
    assert.throws(() => process.kill(pid!, 0), { code: 'ESRCH' })
  })

  it('leaves no process behind when the node dies', async () => {
    const script = `
      const { EmbeddedEngine } = await import(${JSON.stringify(ENGINE.href)})
      const engine = new EmbeddedEngine(${JSON.stringify(ENDLESS)})
      const request = { kind: 'chat', model: 'endless', messages: [{ role: 'user', content: 'lobster' }] }
      for await (const event of engine.generate(request)) console.log(engine.process.pid)`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
    const [line] = (await once(createInterface(parent.stdout), 'line')) as [string]
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    // No event tells of the end of a process that is not our child.
    while (lives(Number(line))) await delay(10)
  })

  it('says what to install when its package is missing', async () => {
    const hooks = `import { registerHooks } from 'node:module'
      registerHooks({ resolve(specifier, context, next) {
        return next(specifier === 'node-llama-cpp' ? 'no-such-package' : specifier, context)
      } })`
    const before = process.env.NODE_OPTIONS
    process.env.NODE_OPTIONS = `--import "data:text/javascript,${encodeURIComponent(hooks)}"`
    try {
      await assert.rejects(start().health(), (err) => {
        assert.ok(err instanceof EngineFailedError)
        assert.match(err.message, /npm install node-llama-cpp/)
        return true
      })
    } finally {
      if (before === undefined) delete process.env.NODE_OPTIONS
      else process.env.NODE_OPTIONS = before
    }
  })

  it('says that a model does not load, and tries again when asked again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lobstah-'))
    try {
      const modelPath = join(folder, 'model.gguf')
      await writeFile(modelPath, 'no model')
      const engine = start({ modelPath })
      await assert.rejects(
        engine.health(),
        (err) => err instanceof EngineFailedError && /does not load/.test(err.message)
      )
      await engine.process?.exited
      await copyFile(CHAT_MODEL, modelPath)
      await engine.health()
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('refuses what it cannot honour without starting anything', async () => {
    const engine = start()
    const image = { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,AAAA' } }
    await rejectsUnsupported(engine.generate(chat(MODEL, 'Hello!', { logit_bias: { '5': 1 } })), 'logit_bias')
    await rejectsUnsupported(
      engine.generate(chat(MODEL, '', { messages: [{ role: 'user', content: [image] }] })),
      'messages'
    )
    await rejectsUnsupported(
      engine.generate({ kind: 'completion', model: MODEL, prompt: 'a', suffix: 'b' }),
      'suffix'
    )
    await assert.rejects(collect(engine.generate(chat('other', 'Hello!'))), ModelNotFoundError)
    assert.equal(engine.process, undefined)
  })

  it('answers in JSON, penalties and a large seed notwithstanding', async () => {
    const { text } = await collect(
      start().generate(
        chat(MODEL, 'Count to 3.', {
          response_format: {
            type: 'json_schema',
            json_schema: { name: 'list', schema: { type: 'array', items: { type: 'integer' }, maxItems: 3 } }
          },
          temperature: 1,
          presence_penalty: 1,
          frequency_penalty: 1,
          top_k: 10,
          min_p: 0.05,
          seed: -(2 ** 40)
        })
      )
    )
    assert.ok(Array.isArray(JSON.parse(text)), text)
  })
})

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
