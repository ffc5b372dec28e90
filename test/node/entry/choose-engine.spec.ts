import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resolveConfig, type Config } from '../../../node/config/index.ts'
import { chooseEngine } from '../../../node/entry/choose-engine.ts'
import { startOllamaServer } from '../../support/engines/ollama-server.ts'
import { startOpenaiServer } from '../../support/engines/openai-server.ts'
import { runProcess, startProcess } from '../../support/node-process.ts'

/** Nothing listens there. */
const NOBODY = '127.0.0.1:9'

/** Makes node-llama-cpp absent, as it is where the package alone is installed. */
const WITHOUT_LLAMA = `import { registerHooks } from 'node:module'
registerHooks({ resolve (name, context, next) {
  if (name === 'node-llama-cpp') throw Object.assign(new Error('absent'), { code: 'ERR_MODULE_NOT_FOUND' })
  return next(name, context)
} })`

describe('node/entry/choose-engine', function () {
  this.timeout(60_000)
  let home: string
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'lobstah-engine-'))
  })
  afterEach(async () => {
    await rm(home, { recursive: true })
  })

  const config = (flags: Record<string, unknown>): Config =>
    resolveConfig({ flags: { home, ...flags }, env: {}, homeDir: home })

  describe('reads OLLAMA_HOST as Ollama does', () => {
    const hosts: [string, (port: number) => string][] = [
      ['a port', (port) => `:${port}`],
      ['a host and port', (port) => `localhost:${port}`],
      ['all addresses', (port) => `0.0.0.0:${port}`],
      ['all addresses of IPv6', (port) => `[::]:${port}`],
      ['a URL', (port) => `http://127.0.0.1:${port}/`]
    ]
    for (const [name, host] of hosts) {
      it(name, async () => {
        await using ollama = await startOllamaServer()
        const env = { OLLAMA_HOST: host(Number(new URL(ollama.url).port)) }
        const chosen = await chooseEngine(config({ engine: 'ollama' }), env)
        assert.equal(chosen?.engine.name, 'ollama')
        await chosen.engine.close()
      })
    }

    const elsewhere: [string, RegExp][] = [
      ['127.0.0.1', /http:\/\/127\.0\.0\.1:11434/],
      ['::1', /http:\/\/\[::1\]:11434/],
      ['127.0.0.1:80', /Ollama at http:\/\/127\.0\.0\.1,/],
      ['https://127.0.0.1', /Ollama at https:\/\/127\.0\.0\.1,/]
    ]
    for (const [host, said] of elsewhere) {
      it(`${host}: ${said.source}`, async () => {
        const chosen = await chooseEngine(config({ engine: 'ollama' }), { OLLAMA_HOST: host })
        assert.match(chosen?.reason ?? '', said)
        assert.match(chosen?.reason ?? '', /does not answer yet: waiting for it$/)
        assert.equal(chosen?.absent, true)
        await chosen.engine.close()
      })
    }

    it('and says what it cannot read', () =>
      assert.rejects(chooseEngine(config({ engine: 'ollama' }), { OLLAMA_HOST: 'a b' }), {
        name: 'ConfigError',
        message: /^OLLAMA_HOST: expected a host and port, or a URL/
      }))

    it('and not where Ollama is not asked', async () => {
      const settings = config({ engine: 'openai', engineUrl: `http://${NOBODY}` })
      const chosen = await chooseEngine(settings, { OLLAMA_HOST: 'a b' })
      assert.equal(chosen?.absent, true)
      await chosen.engine.close()
    })
  })

  it('does not wait for a server that answers, but not as Ollama', async () => {
    await using server = await startOpenaiServer()
    await assert.rejects(chooseEngine(config({ engine: 'ollama', engineUrl: server.url }), {}), {
      name: 'CommandError',
      message: /The server at .* is not Ollama/
    })
  })

  it('lets a model file take longer to load than a server to answer', async function () {
    if (process.platform === 'win32') this.skip()
    // A file that nobody writes is never read to its end.
    const modelFile = join(home, 'large.gguf')
    execFileSync('mkfifo', [modelFile])
    const chosen = await chooseEngine(config({ modelFile }), {})
    assert.deepEqual(
      [chosen?.engine.name, chosen?.reason],
      ['embedded', `the embedded engine with ${modelFile}; the model is still loading`]
    )
    await chosen?.engine.close()
  })

  describe('where nothing runs models', () => {
    const env = {
      OLLAMA_HOST: NOBODY,
      NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(WITHOUT_LLAMA)}"`
    }

    it('a node says that it found none, and takes Ollama when it comes', async () => {
      const node = await startProcess(home, ['--gateway-port', '0'], env)
      await node.end()
      assert.deepEqual([node.ready.engine, node.ready.models], ['ollama', []])
    })

    it('the doctor has nothing against it, unless this node is to contribute', async () => {
      const asks = await runProcess(['--home', home, 'doctor', '--gateway-port', '0'], { env })
      assert.match(
        asks.stdout,
        /^- {5}engine +none found: Ollama at http:\/\/127\.0\.0\.1:9 does not answer;/
      )
      assert.equal(asks.code, 0)
      const serves = await runProcess(['--home', home, 'doctor', '--gateway-port', '0', '--contribute'], {
        env
      })
      assert.match(serves.stdout, /^FAIL {2}engine +none found.*\n +→ start Ollama/)
      assert.equal(serves.code, 1)
    })

    it('the demonstration says so at once', async () => {
      const { code, stderr } = await runProcess(['demo'], { env })
      assert.match(
        stderr,
        /Nothing on this machine runs models\. Start Ollama .*npm install --global node-llama-cpp/
      )
      assert.equal(code, 3)
    })
  })
})
