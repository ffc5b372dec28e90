import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startOllamaServer } from '../support/engines/ollama-server.ts'
import { MAIN, startProcess, type RunningNode } from '../support/node-process.ts'
import { OpenClaw, runToEnd } from './commands.ts'
import { startService } from './service.ts'

const ROOT = join(import.meta.dirname, '../..')
const TERMINAL = join(import.meta.dirname, 'terminal.py')
const execute = promisify(execFile)

/** A model that no demonstration has. */
const MODEL = 'llama3.2:3b'

/** Packs this package, and resolves to the tarball's path. */
export async function pack(folder: string): Promise<string> {
  const { stdout } = await execute('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: ROOT })
  return join(folder, stdout.trim())
}

/** Where this part of the test runs. */
export interface FullPackageInit {
  openclaw: string
  /** A folder of its own. */
  folder: string
  /** OpenClaw's environment, with its state and home in a folder. */
  environment(folder: string): NodeJS.ProcessEnv
  /** The package's tarball. */
  packed: Promise<string>
  freePort(): Promise<number>
  say(text: string): void
  /** Those that must end with the test. */
  nodes: RunningNode[]
}

interface HostFile {
  models: {
    providers: {
      lobstah: {
        localService: { command: string; args: string[]; env: Record<string, string> }
        models: { id: string; contextWindow: number }[]
      }
    }
  }
  plugins: { entries: { lobstah: { config: Record<string, unknown> } } }
  agents: { defaults: { model: { primary: string } } }
}

/**
 * The whole package as a plugin, whose node OpenClaw starts, and the questions of its onboarding in a pseudo-terminal:
 * first Yes and Yes, with an invite to a private mesh; then No and No.
 */
export async function fullPackage(init: FullPackageInit): Promise<void> {
  const { folder, say, nodes } = init
  const at = (...names: string[]): string => join(folder, ...names)
  for (const name of ['home', 'state', 'tmp', 'ws']) await mkdir(at(name), { recursive: true })
  const openclaw = new OpenClaw(init.openclaw, init.environment(folder))

  await openclaw.run(['plugins', 'install', await init.packed, '--force', '--accept-capabilities'])
  say('the full package is installed as a plugin, with its dependencies, by OpenClaw')

  // A private mesh, with a contributor whom only its relay can reach.
  await using engine = await startOllamaServer({ script: () => ({ text: 'A private answer.' }) })
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0']
  nodes.push(await startProcess(at('hub'), ['relay', '--private', 'lobster home', ...listen]))
  const invited = await runToEnd([MAIN, '--home', at('hub'), 'invite', '--json'], openclaw.env)
  const { invite } = JSON.parse(invited.stdout) as { invite: string }
  const contributor = await startProcess(
    at('friend'),
    [
      ...['--contribute', '--no-gateway', '--listen', '/p2p-circuit'],
      ...['--engine', 'ollama', '--engine-url', engine.url]
    ],
    { LOBSTAH_BOOTSTRAP: invite }
  )
  nodes.push(contributor)

  const port = await init.freePort()
  const url = `http://127.0.0.1:${port}`
  const login = ['models', 'auth', 'login', '--provider', 'lobstah', '--method', 'custom', '--set-default']
  const onboard = async (dialogue: [string, string][]): Promise<{ shown: string; config: HostFile }> => {
    const shown = await openclaw.interactive(TERMINAL, dialogue, login)
    return {
      shown,
      config: JSON.parse(await readFile(at('state', 'openclaw.json'), 'utf8')) as HostFile
    }
  }
  const YES = '\u001b[D\r'
  const NO = '\r'
  const optIns = (discover: string, contribute: string): [string, string][] => [
    // The default is erased first.
    ['Base URL of your node', `\u0015${url}/v1\r`],
    ['Discover and ask models', discover],
    ...(discover === YES ? [['Find peers through trackers', NO] as [string, string]] : []),
    ['Contribute this machine', contribute],
    ...(contribute === YES ? [['Announce this node to trackers', NO] as [string, string]] : [])
  ]

  const yes = await onboard([
    ...optIns(YES, YES),
    ['Invite or address to join by', 'lobstah1damaged\r'],
    ['The invite was not taken', `${invite}\r`],
    // The default: the members of a private mesh.
    ['Whom do you ask and serve', '\r']
  ])
  for (const sentence of [
    'A model there can answer with tool calls, which OpenClaw then runs on this machine',
    'openclaw config set tools.profile minimal',
    'The owner of the machine that runs a model can read the prompts',
    'By default the node asks and serves friends only'
  ])
    assert.ok(yes.shown.includes(sentence), `«${sentence}» is not said: ${yes.shown}`)
  const { localService: service, models } = yes.config.models.providers.lobstah
  const gateway = ['--gateway-host', '127.0.0.1', '--gateway-port', String(port), '--drain-ms', '1000']
  assert.ok(service.args[0]?.startsWith(at('state')), `${service.args[0]} is not the package's own node`)
  assert.deepEqual(service.args.slice(1), [
    ...gateway,
    ...['--ask-access', 'mesh', '--contribute', '--serve-access', 'mesh']
  ])
  assert.deepEqual(service.env, {
    LOBSTAH_CONTRIBUTE: 'true',
    LOBSTAH_DISCOVER: 'false',
    LOBSTAH_ADVERTISE: 'false'
  })
  assert.deepEqual(yes.config.plugins.entries.lobstah.config, {
    baseUrl: `${url}/v1`,
    ...{ discover: true, contribute: true, bootstrap: [], access: 'mesh', friends: [] },
    // OpenClaw writes no value that is its default and was never set.
    ...{ tracker: [], nostr: [] }
  })
  assert.doesNotMatch(JSON.stringify(yes.config), /lobstah[12]\w/, 'the key of the mesh is in openclaw.json')
  assert.ok(
    models.some(({ id }) => id === MODEL),
    'the models of the private mesh were not found'
  )
  assert.equal(yes.config.agents.defaults.model.primary, `lobstah/${MODEL}`)
  say('asked in a pseudo-terminal, Yes and Yes, with an invite: the models of the private mesh were found')

  const inferred = await openclaw.run([
    ...['infer', 'model', 'run', '--local', '--json'],
    ...['--model', `lobstah/${MODEL}`, '--prompt', 'Who are you?']
  ])
  assert.match(inferred, /A private answer\./)
  say('one question, answered in the private mesh by the scripted engine')
  // A whole agent's prompt, against a contributor whose context nobody has set: the engine refuses what does not fit.
  const agent = ['agent', '--local', '--agent', 'main', '--session-id', 'first', '--json']
  const turn = await openclaw.run([...agent, '--message', 'Who are you?'])
  assert.match(turn, /A private answer\./)
  const { contextWindow } = models.find(({ id }) => id === MODEL) ?? {}
  assert.equal(contextWindow, 32_768)
  say('an agent’s first turn with all defaults, answered in the private mesh by the scripted engine')
  await startService(service, openclaw.env, url, async (get) => {
    assert.equal((await get('/capacity')).contributing, true)
    assert.equal((await get('/mesh')).joins, true)
  })

  const no = await onboard(optIns(NO, NO))
  const { localService: alone } = no.config.models.providers.lobstah
  assert.deepEqual(alone.args.slice(1), [...gateway, '--ask-access', 'nobody'])
  assert.deepEqual(alone.env, {
    LOBSTAH_CONTRIBUTE: 'false',
    LOBSTAH_DISCOVER: 'false',
    LOBSTAH_ADVERTISE: 'false'
  })
  assert.deepEqual(no.config.plugins.entries.lobstah.config, {
    baseUrl: `${url}/v1`,
    ...{ discover: false, contribute: false }
  })
  await startService(alone, openclaw.env, url, async (get) => {
    assert.equal((await get('/capacity')).contributing, false)
    assert.deepEqual([(await get('/mesh')).joins, (await get('/mesh')).connected], [false, 0])
  })
  say('asked again, No and No (the defaults): nothing is left of the mesh, and the node contacts nobody')
}
