/**
 * The real OpenClaw and the real Lobster, asking models across a mesh: a relay, two contributors that only the
 * relay can reach, and the consumer that OpenClaw starts by itself, all processes of their own.
 *
 * The first contributor's engine is a scripted one that speaks Ollama's wire; the second's is the tiny model
 * that comes with the package. At the same time, the full package is installed into another OpenClaw, and onboarded
 * in a pseudo-terminal. Needs npm's registry, for OpenClaw, Lobster and this package's dependencies; python3; and
 * about 3 GB of memory.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startOllamaServer, type OllamaServer } from '../support/engines/ollama-server.ts'
import { MAIN, startProcess, type RunningNode } from '../support/node-process.ts'
import { OpenClaw, runToEnd } from './commands.ts'
import { ANSWERS, agentScript } from './engine-script.ts'
import { fullPackage, pack } from './full-package.ts'
import { installPrograms, npmSettings } from './install.ts'
import { MemoryWatch } from './memory.ts'
import { receiptsAt, receiptsIn } from './receipts.ts'

const ROOT = join(import.meta.dirname, '../..')
const SCRIPTED = 'llama3.2:3b'
const TINY = 'tiny-chat'

/** Longest wait for OpenClaw's gateway, in milliseconds. */
const BOOT_MS = 90_000

const began = performance.now()
const memory = new MemoryWatch()
function say(text: string): void {
  process.stdout.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}\n`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

interface ProviderEntry {
  localService: { command: string; args: string[]; env: Record<string, string> }
  models: { id: string; contextWindow: number; compat: { supportsTools: boolean } }[]
}
interface HostFile {
  models: { providers: { lobstah: ProviderEntry } }
  agents: { defaults: { model: { primary: string } } }
  gateway: { auth: { token: string } }
}

const folder = await mkdtemp(join(tmpdir(), 'lobstah-openclaw-'))
const packed = pack(folder)
// Awaited later; until then its failure is nobody's.
packed.catch(() => undefined)
const programs = await installPrograms()
say('OpenClaw and Lobster are installed')

const at = (...names: string[]): string => join(folder, ...names)
const note = at('ws', 'note.txt')
const nodes: RunningNode[] = []
let engine: OllamaServer | undefined
let stopGateway = async (): Promise<void> => undefined
let full: Promise<void> | undefined
try {
  for (const name of ['home', 'state', 'tmp', 'ws', 'bin']) await mkdir(at(name))
  await writeFile(note, 'LOBSTER-4711\n')

  // The mesh.
  const scripted = await startOllamaServer({ script: agentScript(() => scripted, note) })
  engine = scripted
  const start = async (name: string, args: string[]): Promise<RunningNode> => {
    const node = await startProcess(at(name), args)
    nodes.push(node)
    return node
  }
  const relay = await start('relay', ['--relay', '--no-gateway', '--listen', '/ip4/127.0.0.1/tcp/0'])
  const address = relay.addresses[0] ?? ''
  const serving = [
    '--contribute',
    '--serve-access',
    'mesh',
    '--bootstrap',
    address,
    '--listen',
    '/p2p-circuit',
    '--no-gateway'
  ]
  const contributor = await start('contributor', [
    ...serving,
    '--engine',
    'ollama',
    '--engine-url',
    scripted.url,
    '--context-length',
    '131072'
  ])
  const tiny = await start('tiny', [...serving, '--engine', 'embedded'])
  say('a relay and two contributors behind it run')

  // OpenClaw, with lobstah-node on its path, on a machine without an engine.
  await writeFile(at('bin', 'lobstah-node'), `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`, {
    mode: 0o755
  })
  // Under a test runner's variables OpenClaw is silent.
  const mute = new Set(['VITEST', 'NODE_ENV', 'NODE_OPTIONS'])
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !mute.has(name)))
  const npm = npmSettings()
  const environment = (root: string, ...path: string[]): NodeJS.ProcessEnv => ({
    ...inherited,
    ...npm,
    PATH: [...path, dirname(process.execPath), process.env.PATH ?? ''].join(delimiter),
    HOME: join(root, 'home'),
    TMPDIR: join(root, 'tmp'),
    OPENCLAW_STATE_DIR: join(root, 'state'),
    OPENCLAW_CONFIG_PATH: join(root, 'state', 'openclaw.json'),
    OPENCLAW_OFFLINE: '1',
    OPENCLAW_DISABLE_BONJOUR: '1',
    DO_NOT_TRACK: '1',
    NO_COLOR: '1',
    LOBSTAH_ENGINE: 'none'
  })
  const openclaw = new OpenClaw(programs.openclaw, environment(folder, at('bin')))
  full = fullPackage({
    openclaw: programs.openclaw,
    folder: at('full'),
    environment,
    packed,
    freePort,
    say,
    nodes
  })
  // Awaited at the end.
  full.catch(() => undefined)

  const tarball = execFileSync(process.execPath, [join(ROOT, 'scripts/pack-plugin.ts'), at('tmp')], {
    encoding: 'utf8'
  }).trim()
  await openclaw.run(['plugins', 'install', tarball, '--force', '--accept-capabilities'])
  say('the plugin is installed from its tarball')

  // Onboarding without questions.
  const port = await freePort()
  const gatewayPort = await freePort()
  const baseUrl = `http://127.0.0.1:${port}/v1`
  const friends = [contributor.peer, tiny.peer].join(',')
  const skipped = ['bootstrap', 'health', 'channels', 'skills', 'hooks', 'search', 'ui', 'daemon']
  await openclaw.run(
    [
      ...['onboard', '--non-interactive', '--accept-risk', '--mode', 'local', '--json'],
      ...['--auth-choice', 'lobstah', '--custom-base-url', baseUrl, '--custom-model-id', SCRIPTED],
      ...['--workspace', at('ws'), '--gateway-port', String(gatewayPort), '--gateway-bind', 'loopback'],
      ...skipped.map((name) => `--skip-${name}`)
    ],
    { LOBSTAH_DISCOVER: 'true', LOBSTAH_BOOTSTRAP: address, LOBSTAH_FRIENDS: friends }
  )
  const patch = {
    models: { catalogRefresh: { enabled: false } },
    update: { checkOnStart: false },
    telemetry: { enabled: false },
    discovery: { mdns: { mode: 'off' } },
    agents: { defaults: { heartbeat: { every: '0m' } } },
    gateway: { http: { endpoints: { chatCompletions: { enabled: true } } } },
    plugins: { entries: { 'llm-task': { enabled: true, llm: { allowModelOverride: true } } } },
    tools: { alsoAllow: ['llm-task'] }
  }
  await writeFile(at('tmp', 'patch.json5'), JSON.stringify(patch))
  await openclaw.run(['config', 'patch', '--file', at('tmp', 'patch.json5')])
  const config = JSON.parse(await readFile(at('state', 'openclaw.json'), 'utf8')) as HostFile
  const { args, env } = config.models.providers.lobstah.localService
  assert.deepEqual(args.slice(args.indexOf('--bootstrap')), [
    ...['--bootstrap', address, '--ask-access', 'friends'],
    ...['--friends', contributor.peer, '--friends', tiny.peer]
  ])
  assert.deepEqual(env, {
    LOBSTAH_CONTRIBUTE: 'false',
    LOBSTAH_DISCOVER: 'false',
    LOBSTAH_ADVERTISE: 'false'
  })
  assert.equal(config.agents.defaults.model.primary, `lobstah/${SCRIPTED}`)
  const known = new Map(config.models.providers.lobstah.models.map((model) => [model.id, model]))
  assert.equal(known.get(SCRIPTED)?.contextWindow, 131_072)
  assert.equal(known.get(SCRIPTED)?.compat.supportsTools, true)
  say('onboarded without questions: discover yes, contribute no; the models were found across the mesh')

  const home = at('home', '.lobstah')
  const own = (await runToEnd([MAIN, '--home', home, 'identity'], openclaw.env)).stdout.trim()
  const seen = new Set<string>()
  /** Each answer must leave receipts of its own. */
  const receipted = async (what: string, least: number): Promise<void> => {
    const orders = await receiptsAt(`http://127.0.0.1:${port}`, home)
    const fresh = [...orders].filter((order) => !seen.has(order))
    for (const order of fresh) seen.add(order)
    assert.ok(fresh.length >= least, `${what}: ${fresh.length} receipts, not ${least}`)
    say(`${what}: ${fresh.length} receipt(s)`)
  }
  const listed = await openclaw.run(['models', 'list', '--provider', 'lobstah', '--refresh', '--plain'])
  assert.ok(listed.includes(`lobstah/${SCRIPTED}\n`) && listed.includes(`lobstah/${TINY}`), listed)
  say('models list shows both contributors’ models')

  // OpenClaw's gateway, which starts the consumer when a model is first asked.
  const gateway = openclaw.start(['gateway', 'run', '--port', String(gatewayPort), '--bind', 'loopback'])
  stopGateway = async () => {
    if (gateway.exitCode !== null) return
    const exited = once(gateway, 'exit')
    gateway.kill('SIGTERM')
    await exited
  }
  const host = `http://127.0.0.1:${gatewayPort}`
  const authorization = `Bearer ${config.gateway.auth.token}`
  const post = async (
    path: string,
    body: unknown,
    headers: Record<string, string> = {}
  ): Promise<unknown> => {
    const response = await fetch(host + path, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body)
    })
    const text = await response.text()
    assert.equal(response.status, 200, `${path}: ${text}`)
    return JSON.parse(text)
  }
  const deadline = performance.now() + BOOT_MS
  while (
    !(await fetch(`${host}/healthz`).then(
      ({ ok }) => ok,
      () => false
    ))
  ) {
    assert.ok(gateway.exitCode === null && performance.now() < deadline, 'OpenClaw’s gateway did not come up')
    await delay(250)
  }
  say('OpenClaw’s gateway is up')

  const turn = async (question: string): Promise<string> => {
    const answer = (await post(
      '/v1/chat/completions',
      { model: 'openclaw', messages: [{ role: 'user', content: question }] },
      { 'x-openclaw-model': `lobstah/${SCRIPTED}` }
    )) as { choices: { message: { content: string } }[] }
    return answer.choices[0]?.message.content ?? ''
  }
  assert.equal(await turn('Who answers?'), ANSWERS.agent)
  await receipted('an agent turn, answered by the scripted engine', 1)
  assert.equal(await turn('Please read the note.'), ANSWERS.tool)
  await receipted('a turn with a tool call, answered by the scripted engine', 2)

  const asked = await runToEnd(
    [MAIN, '--home', home, 'chat', '--json', '--model', TINY, 'What is a mesh?'],
    openclaw.env
  )
  const { content } = JSON.parse(asked.stdout) as { content: string }
  assert.match(content, /\w/)
  await receipted(`one question, answered by the tiny model («${content.trim()}»)`, 1)

  const task = { provider: 'lobstah', model: SCRIPTED, prompt: 'Classify the message.', input: 'Pay me!' }
  const told = await post('/tools/invoke', { tool: 'llm-task', action: 'json', args: task })
  assert.ok(JSON.stringify(told).includes('invoice'), JSON.stringify(told))
  await receipted('an llm-task call, answered by the scripted engine', 1)

  // Lobster's workflow, which stops for approval.
  const lobsterEnv = {
    ...openclaw.env,
    OPENCLAW_URL: host,
    OPENCLAW_TOKEN: config.gateway.auth.token,
    LOBSTER_STATE_DIR: at('tmp', 'lobster')
  }
  const lobster = async (args: string[]): Promise<Record<string, unknown>> => {
    const printed = await runToEnd([programs.lobster, ...args], lobsterEnv)
    assert.equal(printed.code, 0, `${printed.stdout}\n${printed.stderr}`)
    return JSON.parse(printed.stdout) as Record<string, unknown>
  }
  const workflow = join(ROOT, 'docs/examples/triage.lobster')
  const filed = at('filed.jsonl')
  const given = { messages: join(ROOT, 'docs/examples/messages.json'), filed, model: SCRIPTED }
  const paused = await lobster([
    'run',
    '--mode',
    'tool',
    '--file',
    workflow,
    '--args-json',
    JSON.stringify(given)
  ])
  assert.equal(paused.status, 'needs_approval', JSON.stringify(paused))
  await assert.rejects(readFile(filed), 'filed before it was approved')
  await receipted('a Lobster workflow up to its approval, answered by the scripted engine', 2)
  const { resumeToken } = paused.requiresApproval as { resumeToken: string }
  const resumed = await lobster(['resume', '--mode', 'tool', '--token', resumeToken, '--approve', 'yes'])
  assert.equal(resumed.status, 'ok', JSON.stringify(resumed))
  assert.match(await readFile(filed, 'utf8'), /invoice/)
  say('the workflow was approved, and filed what it had classified')

  const pipe = `echo "The lobster met a crab." | sh "${join(ROOT, 'docs/examples/summarise.sh')}"`
  const piped = await runToEnd(['-c', pipe], openclaw.env, 'sh')
  assert.ok((JSON.parse(piped.stdout) as { content: string }).content.length > 0)
  await receipted('a plain pipe through lobstah-node chat --json, answered by whichever model is first', 1)

  await stopGateway()
  await assert.rejects(fetch(`${baseUrl}/models`), 'OpenClaw left the node running')
  say('OpenClaw stopped, and the node that it had started with it')

  await full

  // Both sides' ledgers, now that nobody writes.
  await Promise.all(nodes.map((node) => node.end()))
  const spent = await receiptsIn(home, own)
  const [scriptedOrders, tinyOrders] = await Promise.all([
    receiptsIn(contributor.home, contributor.peer),
    receiptsIn(tiny.home, tiny.peer)
  ])
  const earned = new Set([...scriptedOrders, ...tinyOrders])
  const missing = [...seen].filter((order) => !spent.has(order) || !earned.has(order))
  assert.deepEqual(missing, [], 'answers without a receipt in both ledgers')
  assert.ok(tinyOrders.size > 0, 'the tiny model answered nothing')
  say(`all ${seen.size} answers have their receipt in the consumer's ledger and in a contributor's`)
} finally {
  await Promise.allSettled([full])
  memory.stop()
  await stopGateway()
  for (const node of nodes) await node.end('SIGKILL')
  await engine?.close()
  await rm(folder, { recursive: true, force: true })
}
say(`done; at most ${Math.round(memory.peak / 2 ** 20)} MB of memory at once`)
