import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { defaultLogger } from '@libp2p/logger'
import type { Command } from 'commander'
import { CommandError, EXIT } from '../../../node/entry/errors.ts'
import { COMMANDS } from '../../../node/entry/command-list.ts'
import { program, usageExitCode } from '../../../node/entry/program.ts'
import { loadOrCreateIdentity } from '../../../node/identity/index.ts'
import { ledger } from '../../../node/ledger/index.ts'
import { Tracker } from '../../../node/tracker/index.ts'
import { sha256 } from '../../../protocols/index.ts'
import { startOllamaServer, type OllamaServer } from '../../support/engines/ollama-server.ts'
import { MAIN, runProcess, startProcess, type RunningNode } from '../../support/node-process.ts'
import { Deal, party } from '../ledger/records.ts'

const PEER = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'
const ADDRESS = `/ip4/192.0.2.1/tcp/17476/p2p/${PEER}`

/** How one command is tried. */
interface Trial {
  args: string[]
  /** On the home of the running node; else on one of its own, which no node uses. */
  running?: boolean
  /** `lines`: a line of JSON for each event; `signal`: the same, until it is told to stop. */
  prints?: 'document' | 'lines' | 'signal'
  /** The text for `-`, given to each command on stdin. */
  stdin?: string
  check?: (printed: unknown) => void
}

/** All that can be run, by its words: those of commander's own tree, whatever will be added to it. */
function commands(): Map<string, Command> {
  const found = new Map<string, Command>()
  const walk = (command: Command, words: string[]): void => {
    // A command that only holds others prints their names.
    const runs = command.commands.length === 0 || COMMANDS.some(({ name }) => name === words.join(' '))
    // service.spec.ts tries these, with a service manager.
    if (words[0] === 'service') return
    if (words.length === 0 || runs) found.set(words.join(' '), command)
    for (const child of command.commands) walk(child, [...words, child.name()])
  }
  walk(program({}), [])
  return found
}

describe('node/entry: every command, for scripts', function () {
  this.timeout(120_000)
  let folder: string
  let node: RunningNode
  let engine: OllamaServer
  let tracker: Tracker
  let order: string
  let hold: Promise<void> | undefined
  const trials: Record<string, () => Trial> = {
    '': () => ({ args: ['--engine', 'none', '--gateway-port', '0'], prints: 'signal' }),
    relay: () => ({ args: ['relay', '--listen', '/ip4/127.0.0.1/tcp/0'], prints: 'signal' }),
    demo: () => ({ args: ['demo', '-'], prints: 'lines', stdin: 'Who are you?' }),
    chat: () => ({
      args: ['chat', '-'],
      running: true,
      stdin: 'Who are you?\n',
      check: (printed) => assert.equal((printed as { content: string }).content, 'You said: Who are you?')
    }),
    models: () => ({ args: ['models'], running: true }),
    peers: () => ({ args: ['peers'], running: true }),
    'peers add': () => ({ args: ['peers', 'add', '-'], stdin: `${ADDRESS}\n` }),
    'peers remove': () => ({ args: ['peers', 'remove', '-'], stdin: `${PEER}\n` }),
    'peers sync': () => ({ args: ['peers', 'sync', '-'], stdin: `${tracker.url}\n` }),
    'peers name': () => ({ args: ['peers', 'name', '-', 'desk'], stdin: `${PEER}\n` }),
    'peers unname': () => ({
      args: ['peers', 'unname', '-'],
      stdin: 'desk\n',
      check: (printed) => assert.deepEqual(printed, { petnames: {} })
    }),
    status: () => ({ args: ['status'], running: true }),
    stop: () => ({
      args: ['stop'],
      check: (printed) => assert.equal((printed as { stopped: boolean }).stopped, false)
    }),
    pause: () => ({ args: ['pause', '--for', '1h'] }),
    resume: () => ({ args: ['resume'] }),
    'limits set': () => ({ args: ['limits', 'set', '-'], stdin: 'tokensPerDay=1000\n' }),
    'limits list': () => ({
      args: ['limits', 'list'],
      check: (printed) => assert.equal((printed as { tokensPerDay: number }).tokensPerDay, 1000)
    }),
    earnings: () => ({ args: ['earnings'], running: true }),
    'config set': () => ({ args: ['config', 'set', 'listen', '-'], stdin: '/ip4/127.0.0.1/tcp/0\n' }),
    'config get': () => ({
      args: ['config', 'get', '-'],
      stdin: 'listen\n',
      check: (printed) => assert.deepEqual(printed, ['/ip4/127.0.0.1/tcp/0'])
    }),
    'config unset': () => ({ args: ['config', 'unset', '-'], stdin: 'listen\n' }),
    'config edit': () => ({ args: ['config', 'edit'] }),
    completion: () => ({ args: ['completion', '-'], stdin: 'bash\n' }),
    explain: () => ({ args: ['explain', '-'], running: true, stdin: 'llama3.2:3b\n' }),
    balance: () => ({ args: ['balance'], running: true }),
    identity: () => ({ args: ['identity'], running: true }),
    doctor: () => ({ args: ['doctor', '--gateway-port', '0', '--engine', 'none'] }),
    'receipts list': () => ({ args: ['receipts', 'list'], running: true }),
    'receipts show': () => ({ args: ['receipts', 'show', '-'], running: true, stdin: `${order}\n` }),
    'receipts export': () => ({ args: ['receipts', 'export'], running: true, prints: 'lines' }),
    'receipts verify': () => ({ args: ['receipts', 'verify', '-'], stdin: exported }),
    'receipts import-proof': () => ({ args: ['receipts', 'import-proof', '-'], stdin: exported }),
    'ledger verify': () => ({ args: ['ledger', 'verify'], running: true }),
    'ledger backup': () => ({ args: ['ledger', 'backup', at('backup')], running: true }),
    'ledger archive': () => ({ args: ['ledger', 'archive', at('archive')] }),
    'keys add': () => ({ args: ['keys', 'add', '-'], stdin: 'one' }),
    'keys list': () => ({ args: ['keys', 'list'] }),
    'keys remove': () => ({ args: ['keys', 'remove', '-'], stdin: 'one\n' }),
    invite: () => ({ args: ['invite', '--name', 'home', '--address', ADDRESS] }),
    'invite revoke': () => ({ args: ['invite', 'revoke', '-'], stdin: 'AAECAwQFBgcICQoLDA0ODw\n' }),
    members: () => ({
      args: ['members'],
      check: (printed) =>
        assert.deepEqual((printed as { revokedInvites: string[] }).revokedInvites, ['AAECAwQFBgcICQoLDA0ODw'])
    }),
    'members remove': () => ({ args: ['members', 'remove', '-'], stdin: `${PEER}\n` }),
    'members restore': () => ({ args: ['members', 'restore', '-'], stdin: `${PEER}\n` }),
    'members promote': () => ({ args: ['members', 'promote', '--owner', '-'], stdin: `${PEER}\n` }),
    dashboard: () => ({ args: ['dashboard', '--no-open'], running: true }),
    'members rotate': () => ({ args: ['members', 'rotate'] }),
    join: () => ({ args: ['join', '--replace', '-'], stdin: invite }),
    mesh: () => ({
      args: ['mesh'],
      check: (printed) => assert.equal((printed as { mesh: string }).mesh, 'home')
    }),
    leave: () => ({ args: ['leave'] }),
    'friends add': () => ({ args: ['friends', 'add', '-'], stdin: `${PEER}\n` }),
    'friends remove': () => ({ args: ['friends', 'remove', '-'], stdin: `${PEER}\n` }),
    'friends list': () => ({ args: ['friends', 'list'] })
  }
  let exported: string
  let invite: string

  const at = (name: string): string => join(folder, name)
  const env = (): NodeJS.ProcessEnv => ({ OLLAMA_HOST: engine.url, EDITOR: 'true' })
  const run = (home: string, args: string[], input = ''): ReturnType<typeof runProcess> =>
    runProcess(['--home', at(home), ...args], { input, env: env() })

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-commands-'))
    engine = await startOllamaServer({
      script: ({ text }) => ({ text: `You said: ${text}`, gate: () => hold })
    })
    tracker = new Tracker({ host: '127.0.0.1', port: 0 }, { log: defaultLogger().forComponent('test') })
    await tracker.start()
    const { privateKey, peerId } = await loadOrCreateIdentity(at('node/identity.key'))
    const [me, other] = [{ id: peerId.toString(), key: privateKey }, await party()]
    const book = ledger({ file: at('node/ledger.sqlite') })({ peer: me.id })
    await book.start()
    const deal = new Deal(me, other)
    const ordered = await deal.ordered()
    const receipt = await deal.receipt(0, 50, { orderHash: sha256(ordered.record.payload) })
    await book.append([ordered, receipt, await deal.acknowledged(receipt)])
    await book.stop()
    order = deal.order
    node = await startProcess(at('node'), ['--gateway-port', '0'], env())
    exported = (await run('node', ['receipts', 'export'])).stdout
    invite = (await run('inviting', ['invite', '--name', 'home', '--address', ADDRESS])).stdout
    await writeFile(at('export'), exported)
  })
  after(async () => {
    await node.end('SIGKILL')
    await engine.close()
    await tracker.stop()
    await rm(folder, { recursive: true })
  })

  it('has its trial here: those of commander’s own tree, whatever is added to it', () => {
    assert.deepEqual([...commands().keys()].sort(), Object.keys(trials).sort())
  })

  describe('prints JSON with --json, and ends with 0', () => {
    for (const [words, trial] of Object.entries(trials)) {
      it(`lobstah-node ${words}`, async () => {
        const { args, running = false, prints = 'document', stdin, check } = trial()
        if (prints === 'signal') return await untilStopped(args)
        // Those without a running node share a home, in the order of the trials: what one adds, the next removes.
        const { code, stdout, stderr } = await run(running ? 'node' : 'other', [...args, '--json'], stdin)
        assert.equal(code, 0, stderr)
        const lines = stdout.trimEnd().split('\n')
        if (prints === 'document') assert.equal(lines.length, 1)
        const printed = lines.map((line) => JSON.parse(line) as unknown)
        assert.ok(printed.every((value) => typeof value === 'object' && value !== null))
        check?.(printed[0])
      })
    }

    /** Runs a command that goes on, until it says it is ready; each of its lines must be an event. */
    async function untilStopped(args: string[]): Promise<void> {
      const child = spawn(process.execPath, [MAIN, '--home', at('alone'), '--json', ...args], {
        stdio: ['ignore', 'pipe', 'inherit']
      })
      const exited = once(child, 'exit')
      const events: string[] = []
      for await (const line of createInterface({ input: child.stdout })) {
        const { event } = JSON.parse(line) as { event: string }
        events.push(event)
        if (event === 'ready') child.kill('SIGTERM')
      }
      assert.deepEqual([events.at(0), events.at(-1)], ['ready', 'stopped'])
      assert.equal((await exited)[0], 0)
    }
  })

  it('reads its text from stdin for -, and says so', () => {
    for (const [words, { registeredArguments }] of commands()) {
      const taken = registeredArguments.filter(
        ({ description }) => !description.includes('does not exist yet')
      )
      assert.equal(trials[words]?.().args.includes('-'), taken.length > 0, words)
      for (const { description } of taken) assert.match(description, / - .*stdin/, words)
    }
  })

  describe('says by its exit code how it went', () => {
    it('2: a flag that it does not know, an argument too many; 0: help, which tells the codes', async () => {
      for (const words of commands().keys()) {
        const path = words === '' ? [] : words.split(' ')
        const codeOf = async (...args: string[]): Promise<number | undefined> => {
          const root = program({})
          mute(root)
          return await root.parseAsync([...path, ...args], { from: 'user' }).then(
            () => undefined,
            (err: unknown) => (err instanceof CommandError ? err.exitCode : usageExitCode(err))
          )
        }
        assert.equal(await codeOf('--no-such-flag'), EXIT.usage, words)
        assert.equal(await codeOf('a', 'b', 'c'), EXIT.usage, words)
        assert.equal(await codeOf('--help'), 0, words)
      }
      const { stdout } = await run('other', ['receipts', 'list', '--help'])
      assert.match(stdout, /Exit codes: 0 done; 1 failed; 2 .*;\s3 .*130 interrupted/s)
    })

    /** Runs several at a time, each on a home of its own; the codes that they end with. */
    async function codes(commands: string[][]): Promise<Record<string, number | null>> {
      const ended = commands.map(async (args, i) => [args.join(' '), (await run(`fresh${i}`, args)).code])
      return Object.fromEntries(await Promise.all(ended)) as Record<string, number | null>
    }
    const all = (commands: string[][], code: number): Record<string, number> =>
      Object.fromEntries(commands.map((args) => [args.join(' '), code]))

    it('2: what it is given is wrong', async () => {
      const wrong = [
        ['friends', 'add', 'nobody'],
        ['keys', 'remove', 'absent'],
        ['receipts', 'verify', at('absent')],
        ['join', at('absent')],
        ['keys', 'add', 'my key'],
        ['keys', 'add', 'k', '--rate', '0'],
        ['keys', 'add', 'k', '--models', ''],
        ['chat', 'Hi', '--max-tokens', 'many'],
        ['chat', 'Hi', '--seed', 'many'],
        ['chat', '-'],
        ['join', '-'],
        ['invite', '--name', ''],
        ['invite', '--name', 'm', '--address', 'nowhere'],
        ['invite', '--name', 'm', '--address', '/ip4/192.0.2.1/tcp/17476'],
        ['invite', '--name', 'm', '--address', ADDRESS, '--days', '99999']
      ]
      assert.deepEqual(await codes(wrong), all(wrong, EXIT.usage))
    })

    it('1: what it is asked cannot be done', async () => {
      await writeFile(at('damaged'), exported.replace('"seq', '"sEq'))
      const failing = [
        ['receipts', 'show', 'AAAAAAAAAAAAAAAAAAAAAA'],
        ['receipts', 'verify', at('damaged')],
        ['ledger', 'backup', at('export')],
        [
          'doctor',
          '--gateway-port',
          '0',
          '--engine',
          'none',
          '--bootstrap',
          `/ip4/127.0.0.1/tcp/9/p2p/${PEER}`
        ]
      ]
      assert.deepEqual(await codes(failing), all(failing, EXIT.failed))
    })

    it('3: no node runs, no engine answers, nobody serves the model', async () => {
      const nowhere = ['--gateway-port', '9']
      const unavailable = [
        ['models', ...nowhere],
        ['peers', ...nowhere],
        ['chat', 'Hi', ...nowhere],
        ['chat', 'Hi', '--model', 'absent', '--home', at('node')],
        ['--model-file', 'absent.gguf', '--gateway-port', '0']
      ]
      assert.deepEqual(await codes(unavailable), all(unavailable, EXIT.unavailable))
    })

    it('130: a demonstration that is interrupted, which leaves nothing behind', async () => {
      const temporary = at('demo')
      await mkdir(temporary)
      const demo = spawn(process.execPath, [MAIN, 'demo', '--json'], {
        stdio: ['ignore', 'pipe', 'ignore'],
        // It is on its own, whatever mesh its user's settings lead to.
        env: { ...process.env, TMPDIR: temporary, LOBSTAH_ANNOUNCE: '/ip4/192.0.2.1/tcp/1' }
      })
      const exited = once(demo, 'exit')
      const lines = createInterface({ input: demo.stdout })
      // The relay runs now, and the contributor is being started.
      const [line] = (await once(lines, 'line')) as [string]
      const { event, address } = JSON.parse(line) as { event: string; address: string }
      assert.equal(event, 'relay')
      assert.match(address, /^\/ip4\/127\.0\.0\.1\//)
      const [folder = ''] = await readdir(temporary)
      const runtime = await readFile(join(temporary, folder, 'relay', 'run.json'), 'utf8')
      const { pid } = JSON.parse(runtime) as { pid: number }
      demo.kill('SIGTERM')
      assert.deepEqual(await exited, [EXIT.interrupted, null])
      assert.deepEqual(await readdir(temporary), [])
      assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
    })

    it('130: interrupted', async () => {
      const gate = Promise.withResolvers<void>()
      hold = gate.promise
      const asked = engine.requests.length
      const child = spawn(process.execPath, [MAIN, '--home', at('node'), 'chat', 'Wait', '--json'], {
        stdio: ['ignore', 'pipe', 'ignore']
      })
      const exited = once(child, 'exit')
      while (!engine.requests.slice(asked).some(({ path }) => path === '/api/chat'))
        await new Promise((resolve) => setTimeout(resolve, 10))
      child.kill('SIGINT')
      assert.equal((await exited)[0], EXIT.interrupted)
      hold = undefined
      gate.resolve()
    })
  })
})

/** Silences what commander would print. */
function mute(command: Command): void {
  command.configureOutput({ writeErr: () => undefined, writeOut: () => undefined })
  for (const child of command.commands) mute(child)
}
