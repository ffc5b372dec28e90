import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readHomeToken } from '../../../http-gateway/index.ts'
import { until } from '../../support/mesh.ts'
import { startOllamaServer, type OllamaServer } from '../../support/engines/ollama-server.ts'
import { modelListed, runProcess, startProcess, type RunningNode } from '../../support/node-process.ts'

interface Serving {
  open: boolean
  reason: string | null
  tokens: { day: number }
}

describe("the owner's limits on a real node", function () {
  this.timeout(120_000)
  let folder = ''
  let engine: OllamaServer
  const running: RunningNode[] = []

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-owner-'))
    engine = await startOllamaServer({ script: () => ({ text: 'one two three four five' }) })
  })

  afterEach(async () => {
    for (const node of running.splice(0)) await node.end('SIGKILL')
    await engine[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  async function start(name: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<RunningNode> {
    const node = await startProcess(join(folder, name), ['--gateway-port', '0', ...args], env)
    running.push(node)
    return node
  }

  const contribute = (env: NodeJS.ProcessEnv = {}): Promise<RunningNode> =>
    start(
      'contributor',
      ['--contribute', '--engine', 'ollama', '--engine-url', engine.url, '--listen', '/ip4/127.0.0.1/tcp/0'],
      env
    )

  async function serving({ url }: RunningNode): Promise<Serving> {
    return (await (await fetch(`${url}/lobstah/serving`)).json()) as Serving
  }

  async function models({ url }: RunningNode): Promise<string[]> {
    const { data } = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] }
    return data.map(({ id }) => id)
  }

  async function ask({ url }: RunningNode, model: string): Promise<Response> {
    return await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Count.' }] })
    })
  }

  it('obeys a pause at once, keeps it over a restart, and resumes', async () => {
    const first = await contribute()
    const consumer = await start('consumer', ['--engine', 'none', '--bootstrap', first.addresses[0] ?? ''])
    const model = await modelListed(consumer.url)
    assert.equal((await ask(consumer, model)).status, 200)
    const home = ['--home', join(folder, 'contributor')]
    assert.equal((await runProcess([...home, 'pause', '--for', '1h'])).code, 0)
    await until(async () => (await models(consumer)).length === 0)
    assert.equal((await serving(first)).reason, 'paused')
    const refused = await ask(consumer, model)
    assert.ok(refused.status === 404 || refused.status === 503, String(refused.status))
    // Its own user is served all the same.
    assert.equal((await ask(first, model)).status, 200)
    await first.end()
    const again = await contribute()
    assert.equal((await serving(again)).reason, 'paused')
    assert.equal((await runProcess([...home, 'resume'])).code, 0)
    await until(async () => (await serving(again)).open)
  })

  it('changes limits by the gateway and the command line, counts tokens, and keeps both over a restart', async () => {
    const first = await contribute()
    const consumer = await start('consumer', ['--engine', 'none', '--bootstrap', first.addresses[0] ?? ''])
    const model = await modelListed(consumer.url)
    const home = join(folder, 'contributor')
    const headers = {
      authorization: `Bearer ${(await readHomeToken(home)) ?? ''}`,
      'content-type': 'application/json'
    }
    const change = (body: object): Promise<Response> =>
      fetch(`${first.url}/lobstah/limits`, { method: 'PATCH', headers, body: JSON.stringify(body) })
    assert.equal((await change({ tokensPerDay: 'many' })).status, 400)
    assert.equal((await change({ whileInUse: false })).status, 400)
    assert.equal((await change({ tokensPerDay: 1 })).status, 200)
    assert.equal((await ask(consumer, model)).status, 200)
    await until(async () => (await serving(first)).reason === 'tokens_per_day')
    const { tokens } = await serving(first)
    assert.ok(tokens.day >= 1 && tokens.day < 512, String(tokens.day))
    await first.end()
    const again = await contribute()
    const after = await serving(again)
    assert.equal(after.reason, 'tokens_per_day')
    assert.equal(after.tokens.day, tokens.day)
    assert.equal((await runProcess(['--home', home, 'limits', 'set', 'tokensPerDay='])).code, 0)
    await until(async () => (await serving(again)).open)
    const { stdout } = await runProcess(['--home', home, '--json', 'earnings', '--by', 'model'])
    const { today, groups } = JSON.parse(stdout) as {
      today: { orders: number; promptTokens: number; completionTokens: number }
      groups: { key: string }[]
    }
    assert.equal(today.orders, 1)
    assert.equal(today.promptTokens + today.completionTokens, tokens.day)
    assert.deepEqual(
      groups.map(({ key }) => key),
      [model]
    )
  })

  it('serves no peers on battery, by a tree of sysfs', async function () {
    if (process.platform !== 'linux') this.skip()
    const battery = join(folder, 'root/sys/class/power_supply/BAT0')
    await mkdir(battery, { recursive: true })
    await writeFile(join(battery, 'type'), 'Battery\n')
    await writeFile(join(battery, 'status'), 'Discharging\n')
    const node = await contribute({
      LOBSTAH_SYSTEM_ROOT: join(folder, 'root'),
      LOBSTAH_ON_BATTERY: 'false'
    })
    assert.equal((await serving(node)).reason, 'on_battery')
    await writeFile(join(battery, 'status'), 'Charging\n')
    await until(async () => (await serving(node)).open)
  })
})
