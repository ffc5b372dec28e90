import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  writeFile
} from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { RECEIPT, open, type SignedRecord } from '../../../protocols/index.ts'
import { startOllamaServer } from '../../support/engines/ollama-server.ts'
import { modelListed, runProcess, startProcess, type RunningNode } from '../../support/node-process.ts'

/** No user of any system. */
const UNKNOWN_UID = 54_321

describe('node/entry: the program', function () {
  this.timeout(60_000)
  let folder: string
  let running: RunningNode[]

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-cli-'))
    running = []
  })
  afterEach(async () => {
    for (const node of running) await node.end('SIGKILL')
    await rm(folder, { recursive: true })
  })

  const home = (name = 'home'): string => join(folder, name)
  async function start(args: string[], name = 'home'): Promise<RunningNode> {
    const node = await startProcess(home(name), args)
    running.push(node)
    return node
  }

  describe('says what is wrong and what to do', () => {
    const refusals: [string, string[], number, RegExp][] = [
      ['a wrong flag', ['--contribut'], 2, /unknown option '--contribut'\s+\(Did you mean --contribute\?\)/],
      ['an unknown command', ['frobnicate'], 2, /Unknown command "frobnicate": see lobstah-node --help/],
      ['a mistyped command', ['dotcor'], 2, /did you mean lobstah-node doctor\?/],
      ['a command of another name', ['start'], 2, /did you mean lobstah-node\?/],
      ['a stop by another name', ['quit'], 2, /did you mean lobstah-node stop\?/],
      ['a synonym within a group', ['keys', 'create'], 2, /did you mean lobstah-node keys add\?/],
      [
        'a port out of range',
        ['--gateway-port', '99999'],
        2,
        /flag --gateway-port: expected a whole number from 0 to 65535/
      ],
      [
        'a bootstrap address without peer id',
        ['--bootstrap', '/ip4/192.0.2.1/tcp/1'],
        2,
        /must|ends in the peer id/
      ],
      ['a model file that is not there', ['--model-file', 'absent.gguf'], 3, /absent\.gguf/],
      [
        'a gateway open to others without a key',
        ['--gateway-host', '0.0.0.0', '--engine', 'none'],
        2,
        /API key/
      ],
      [
        'a command without a running node',
        ['chat', 'Hi', '--gateway-port', '9'],
        3,
        /No lobstah-node answers at .* Start one first/
      ]
    ]
    for (const [name, args, code, message] of refusals) {
      it(name, async () => {
        const result = await runProcess(['--home', home(), ...args])
        assert.match(result.stderr, message)
        assert.doesNotMatch(result.stderr, /\n\s+at /, 'a stack trace is not for people')
        assert.equal(result.code, code)
        assert.equal(result.stdout, '')
      })
    }

    it('a damaged key, which it leaves as it is', async () => {
      await startProcess(home(), ['--engine', 'none', '--gateway-port', '0']).then((node) => node.end())
      await writeFile(join(home(), 'identity.key'), 'garbage')
      const { code, stderr } = await runProcess(['--home', home(), '--engine', 'none'])
      assert.equal(code, 1)
      assert.match(stderr, /identity\.key is damaged .* restore it from a backup/)
    })

    it('a config.json that cannot be read', async () => {
      await runProcess(['--home', home(), 'identity'])
      await writeFile(join(home(), 'config.json'), '{\n  "slots": 2,\n')
      const broken = await runProcess(['--home', home()])
      assert.match(broken.stderr, /config\.json is not JSON at line 3/)
      await writeFile(join(home(), 'config.json'), '{ "bootstrp": [] }')
      const unknown = await runProcess(['--home', home()])
      assert.match(unknown.stderr, /unknown field bootstrp: did you mean bootstrap\?/)
      assert.deepEqual([broken.code, unknown.code], [2, 2])
    })

    it('an older Node', async () => {
      const old = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { node: '20.20.2' } })`
      const env = { NODE_OPTIONS: `--import "${old}"` }
      const { code, stderr } = await runProcess(['--home', home(), 'balance'], { env })
      assert.match(stderr, /^lobstah-node: Node 24 or newer is needed, and this is Node 20\.20\.2\. .*\n$/)
      assert.equal(code, 1)
    })

    it('a home that cannot be used, and what is damaged in it', async () => {
      const below = join(folder, 'dangling')
      await symlink(join(folder, 'absent'), below)
      for (const command of [['--engine', 'none'], ['relay']]) {
        const unusable = await runProcess(['--home', join(below, 'home'), ...command])
        assert.match(unusable.stderr, /^lobstah-node: The home .* cannot be used \(E\w+: .*--home\n$/)
        assert.equal(unusable.code, 2)
      }
      const node = await start(['--engine', 'none', '--gateway-port', '0'], 'damaged')
      await node.end()
      await writeFile(join(home('damaged'), 'peers', 'CURRENT'), 'garbage\n')
      const damaged = await runProcess(['--home', home('damaged'), '--engine', 'none', '--gateway-port', '0'])
      assert.match(damaged.stderr, /peers is damaged \(.*\): move it away/)
      assert.equal(damaged.code, 2)
    })

    it('a second instance on the same home', async () => {
      await start(['--engine', 'none', '--gateway-port', '0'])
      const { code, stderr } = await runProcess(['--home', home(), '--engine', 'none', '--gateway-port', '0'])
      assert.match(stderr, /Another lobstah-node is running on .*--home/)
      assert.equal(code, 2)
    })

    it('a port in use: the gateway’s, and the one for peers', async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      try {
        const http = await runProcess(['--home', home(), '--engine', 'none', '--gateway-port', String(port)])
        assert.match(http.stderr, new RegExp(`Port ${port} on 127\\.0\\.0\\.1 is in use`))
        const peers = await runProcess([
          '--home',
          home(),
          '--engine',
          'none',
          '--gateway-port',
          '0',
          '--listen',
          `/ip4/127.0.0.1/tcp/${port}`
        ])
        assert.match(
          peers.stderr,
          new RegExp(`tcp/${port} \\(the port is in use\\)\\. Choose another address with --listen`)
        )
        assert.deepEqual([http.code, peers.code], [2, 2])
      } finally {
        server.close()
      }
    })
  })

  it('lets a running answer finish at Ctrl-C when the reader of its output has gone', async () => {
    const gate = Promise.withResolvers<void>()
    await using engine = await startOllamaServer({
      script: () => ({ text: ['it ', 'ends'], gate: (piece) => (piece === 1 ? gate.promise : undefined) })
    })
    const node = await start(['--engine', 'ollama', '--engine-url', engine.url, '--gateway-port', '0'])
    const answer = runProcess(['--home', home(), 'chat', 'Hi'])
    while (!engine.requests.some(({ path }) => path === '/api/chat')) await delay(10)
    node.process.stdout?.destroy()
    // As Ctrl-C does to all of `lobstah-node | tee log`.
    const ending = node.end('SIGINT')
    while (await answers(node.url)) await delay(10)
    gate.resolve()
    assert.equal((await answer).stdout, 'it ends\n')
    assert.equal(await ending, 0)
    assert.ok(!(await readdir(home())).includes('run.json'), 'it stopped as it should')
  })

  it('stops whole where a part of it cannot be stopped', async () => {
    const node = await start(['--engine', 'embedded', '--gateway-port', '0'])
    await rm(join(home(), 'run.json'))
    // It cannot be removed as a file.
    await mkdir(join(home(), 'run.json'))
    assert.equal(await node.end(), 1)
  })

  it('says of a relay’s home that it lists no peers', async () => {
    const relay = await start(['--relay', '--no-gateway', '--listen', '/ip4/127.0.0.1/tcp/0'])
    const { code, stderr } = await runProcess(['--home', home(), 'peers'])
    assert.match(stderr, /has no gateway: it is a relay/)
    assert.equal(code, 3)
    assert.equal(await relay.end(), 0)
  })

  it('takes the access of others from the folder of the peers, and from its home', async () => {
    await mkdir(join(home(), 'peers'), { recursive: true })
    await chmod(home(), 0o755)
    await chmod(join(home(), 'peers'), 0o777)
    const node = await start(['--engine', 'none', '--gateway-port', '0'])
    for (const folder of [home(), join(home(), 'peers')])
      assert.equal((await stat(folder)).mode & 0o777, 0o700)
    await node.end()
  })

  it('writes nothing that others can read or change, whatever the umask says', async () => {
    await mkdir(home())
    await chmod(home(), 0o755)
    const before = process.umask(0)
    try {
      const node = await start(['--engine', 'none', '--gateway-port', '0'])
      assert.equal((await runProcess(['--home', home(), 'keys', 'add', 'mine'])).code, 0)
      const files = await readdir(home(), { recursive: true })
      assert.ok(files.some((file) => file.startsWith('peers/')) && files.includes('keys.json'))
      for (const file of files)
        assert.equal((await stat(join(home(), file))).mode & 0o077, 0, `others may use ${file}`)
      await node.end()
    } finally {
      process.umask(before)
    }
  })

  describe('as a user whom the system does not know', () => {
    before(function () {
      if (process.getuid?.() !== 0) this.skip()
    })

    it('works without HOME where the home is named, and says what to name where it is not', async () => {
      await mkdir(home())
      await chown(home(), UNKNOWN_UID, UNKNOWN_UID)
      await chmod(folder, 0o755)
      const unknown = { uid: UNKNOWN_UID, env: { HOME: undefined, LOBSTAH_HOME: undefined } }
      const { code, stdout, stderr } = await runProcess(['--home', home(), 'identity'], unknown)
      assert.equal(code, 0, stderr)
      assert.match(stdout, /^12D3Koo\w+\n$/)
      const homeless = await runProcess(['identity'], unknown)
      assert.match(homeless.stderr, /^lobstah-node: .*--home/)
      assert.doesNotMatch(homeless.stderr, /\n\s+at /)
      assert.equal(homeless.code, 2)
    })

    it('says at once that a home cannot be written', async () => {
      await mkdir(home())
      await chmod(home(), 0o555)
      await chmod(folder, 0o755)
      for (const command of [['identity'], ['keys', 'add', 'mine'], ['--engine', 'none']]) {
        const { code, stderr } = await runProcess(['--home', home(), ...command], { uid: UNKNOWN_UID })
        assert.match(stderr, /^lobstah-node: .*permission denied.*permissions/)
        assert.ok(code === 1 || code === 2, `${command.join(' ')} ended with ${code}`)
      }
    })
  })

  it('prints help that names every command, and its version', async () => {
    const help = await runProcess(['--help'])
    assert.equal(help.code, 0)
    for (const word of [
      'chat',
      'models',
      'peers',
      'balance',
      'identity',
      'demo',
      '--contribute',
      '--relay',
      '--bootstrap'
    ]) {
      assert.ok(help.stdout.includes(word), word)
    }
    const file = await readFile(join(import.meta.dirname, '../../../package.json'), 'utf8')
    const { version } = JSON.parse(file) as { version: string }
    assert.equal((await runProcess(['--version'])).stdout, `${version}\n`)
  })

  it('makes an identity once and keeps it', async () => {
    const first = await runProcess(['--home', home(), 'identity'])
    const again = await runProcess(['--home', home(), 'identity', '--json'])
    assert.equal((JSON.parse(again.stdout) as { peer: string }).peer, first.stdout.trim())
  })

  it('leaves nothing behind but its home’s files, and ends with 0 on SIGTERM and SIGINT', async () => {
    const node = await start(['--engine', 'none', '--gateway-port', '0'])
    assert.equal(await node.end('SIGTERM'), 0)
    const again = await start(['--engine', 'none', '--gateway-port', '0'])
    assert.equal(again.peer, node.peer)
    assert.equal(await again.end('SIGINT'), 0)
    assert.deepEqual((await readdir(home())).sort(), ['identity.key', 'ledger.sqlite', 'peers', 'token'])
  })

  describe('with a relay, a contributor and a consumer as processes', () => {
    it('asks, shows models, peers and balance, and drains at SIGTERM', async () => {
      const gate = Promise.withResolvers<void>()
      await using engine = await startOllamaServer({
        script: ({ text }) =>
          text.includes('slowly')
            ? { text: ['so ', 'it ', 'ends'], gate: (piece) => (piece === 1 ? gate.promise : undefined) }
            : { text: 'Fine, thanks.' }
      })
      const relay = await start(['--relay', '--no-gateway', '--listen', '/ip4/127.0.0.1/tcp/0'], 'relay')
      const joining = ['--bootstrap', relay.addresses[0] ?? '', '--gateway-port', '0']
      const serving = [
        '--contribute',
        '--listen',
        '/p2p-circuit',
        '--engine',
        'ollama',
        '--engine-url',
        engine.url
      ]
      const contributor = await start([...joining, ...serving], 'contributor')
      const consumer = await start([...joining, '--engine', 'none'], 'consumer')
      const model = await modelListed(consumer.url)
      const at = (...args: string[]): ReturnType<typeof runProcess> =>
        runProcess(['--home', home('consumer'), ...args])

      const text = await at('chat', 'How are you?', '--model', model)
      assert.equal(text.stdout, 'Fine, thanks.\n')
      assert.match(text.stderr, new RegExp(`(relayed|direct) by ${contributor.peer}`))
      const piped = await runProcess(['--home', home('consumer'), 'chat', '-', '--json', '--model', model], {
        input: 'How are you?'
      })
      const answer = JSON.parse(piped.stdout) as {
        content: string
        receipt: SignedRecord
        peer: string
        finishReason: string
      }
      assert.equal(answer.content, 'Fine, thanks.')
      assert.equal(answer.finishReason, 'stop')
      const receipt = await open(RECEIPT, answer.receipt, contributor.peer)

      const models = JSON.parse((await at('models', '--json')).stdout) as { id: string }[]
      assert.ok(models.some(({ id }) => id === model))
      const peers = JSON.parse((await at('peers', '--json')).stdout) as {
        peer: string
        route: string
        answered: number
      }[]
      assert.deepEqual(
        peers.map(({ peer, answered }) => [peer, answered]),
        [[contributor.peer, 2]]
      )
      const balance = JSON.parse((await at('balance', '--json')).stdout) as { net: number }
      assert.equal(balance.net, -2 * receipt.credits)
      assert.match((await at('models')).stdout, /MODEL +CONTEXT +PEERS/)
      assert.equal((await at('chat', 'Hi', '--model', 'absent')).code, 3)

      // An answer is running when the contributor is told to stop: it finishes, settled.
      const slow = at('chat', 'Tell me slowly', '--json', '--model', model)
      while (!engine.requests.some(({ body }) => JSON.stringify(body ?? null).includes('slowly'))) {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      const ending = contributor.end('SIGTERM')
      gate.resolve()
      assert.equal((JSON.parse((await slow).stdout) as { content: string }).content, 'so it ends')
      assert.equal(await ending, 0)
      assert.equal(await consumer.end(), 0)
      // Both read their ledgers now that nothing runs.
      const kept = await Promise.all(
        ['consumer', 'contributor'].map((name) => runProcess(['--home', home(name), 'balance', '--json']))
      )
      const [spent, earned] = kept.map(({ stdout }) => (JSON.parse(stdout) as { net: number }).net)
      assert.equal(spent, -(earned ?? 0))
      assert.ok((earned ?? 0) > 2 * receipt.credits)
    })
  })
})

/** Whether a gateway takes connections. */
async function answers(url: string): Promise<boolean> {
  return await fetch(`${url}/healthz`).then(
    async (response) => {
      await response.body?.cancel()
      return response.ok
    },
    () => false
  )
}
