import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { loadOrCreateIdentity } from '../../../node/identity/index.ts'
import { openInvite, sealInvite } from '../../../protocols/index.ts'
import { startOllamaServer } from '../../support/engines/ollama-server.ts'
import { MAIN, modelListed, runProcess, startProcess, type RunningNode } from '../../support/node-process.ts'

/** Runs a program in a pseudo-terminal. */
const TERMINAL = join(import.meta.dirname, '../../openclaw/terminal.py')

const FRIEND = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'

describe('the mesh by the command line', function () {
  this.timeout(120_000)
  let folder: string
  let running: { end: (signal?: NodeJS.Signals) => Promise<unknown> }[]
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-test-'))
    running = []
  })
  afterEach(async () => {
    // A stopped process takes no other signal.
    for (const node of running.toReversed()) await node.end('SIGKILL')
    await rm(folder, { recursive: true })
  })

  const home = (name: string): string => join(folder, name)
  const at = (name: string, ...args: string[]): ReturnType<typeof runProcess> =>
    runProcess(['--home', home(name), ...args])
  async function start(name: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<RunningNode> {
    const node = await startProcess(home(name), ['--gateway-port', '0', ...args], env)
    running.push(node)
    return node
  }

  /** Starts a relay; the arguments of `lobstah-node relay`. */
  async function startRelay(...args: string[]): Promise<string[]> {
    const node = spawn(
      process.execPath,
      [MAIN, '--home', home('relay'), 'relay', '--json', '--listen', '/ip4/127.0.0.1/tcp/0', ...args],
      { stdio: ['ignore', 'pipe', 'inherit'] }
    )
    const exited = once(node, 'exit')
    running.push({
      end: async (signal) => {
        node.kill(signal)
        await exited
      }
    })
    for await (const line of createInterface({ input: node.stdout })) {
      const event = JSON.parse(line) as { event: string; addresses: string[] }
      node.stdout.resume()
      return event.addresses
    }
    throw new assert.AssertionError({ message: 'the relay ended before it was ready' })
  }

  it('invites to a private mesh, joins it by stdin and by file, and asks in it; a stranger stays outside', async () => {
    await using engine = await startOllamaServer({ script: () => ({ text: 'Fine.' }) })
    const [address = ''] = await startRelay('--private', 'lobster home')
    const invited = await at('relay', 'invite')
    assert.equal(invited.code, 0)
    assert.match(invited.stdout, /^lobstah2\w+\n$/)
    assert.match(invited.stderr, /▀/, 'a QR code for people')
    const joined = await runProcess(['--home', home('contributor'), 'join'], { input: invited.stdout })
    assert.match(joined.stdout, /Joined the private mesh "lobster home"/)
    await writeFile(home('invite.txt'), invited.stdout)
    assert.equal((await at('consumer', 'join', home('invite.txt'))).code, 0)
    assert.equal((await stat(join(home('consumer'), 'mesh.json'))).mode & 0o777, 0o600)

    // Without variables or flags: members of a private mesh serve and ask each other.
    const byDefault = { LOBSTAH_SERVE_ACCESS: '', LOBSTAH_ASK_ACCESS: '' }
    const serving = [
      '--contribute',
      '--listen',
      '/p2p-circuit',
      '--engine',
      'ollama',
      '--engine-url',
      engine.url
    ]
    await start('contributor', serving, byDefault)
    const consumer = await start('consumer', ['--engine', 'none'], byDefault)
    const model = await modelListed(consumer.url)
    assert.equal((await at('consumer', 'chat', 'Hi', '--model', model)).stdout, 'Fine.\n')

    const stranger = await at('stranger', 'doctor', '--json', '--engine', 'none', '--bootstrap', address)
    assert.equal(stranger.code, 1)
    const findings = JSON.parse(stranger.stdout) as { check: string; status: string; remedy?: string }[]
    assert.equal(findings.find(({ check }) => check === 'bootstrap')?.status, 'fail')
    const member = await at('member', 'join', home('invite.txt'))
    assert.equal(member.code, 0)
    const healthy = await at('member', 'doctor', '--json', '--engine', 'none', '--gateway-port', '0')
    assert.equal(healthy.code, 0, healthy.stdout)
    const seen = new Map(
      (JSON.parse(healthy.stdout) as typeof findings).map(({ check, status }) => [check, status])
    )
    assert.deepEqual(
      ['bootstrap', 'dht', 'relays', 'clock', 'port'].map((check) => seen.get(check)),
      ['ok', 'ok', 'warn', 'ok', 'ok']
    )
  })

  it('takes no invite from the command line, none that is damaged, and no second mesh unasked', async () => {
    const address = `/ip4/5.10.0.10/tcp/17476/p2p/${FRIEND}`
    const invited = await at('a', 'invite', '--name', 'one', '--address', address)
    const other = await at('b', 'invite', '--name', 'two', '--address', address)
    const argv = await at('c', 'join', invited.stdout.trim())
    assert.match(argv.stderr, /Other users of this machine can read command lines/)
    const put = (text: string, ...args: string[]): ReturnType<typeof runProcess> =>
      runProcess(['--home', home('c'), 'join', ...args], { input: text })
    assert.match((await put(`${invited.stdout.trim()}x`)).stderr, /damaged/)
    assert.equal((await put(invited.stdout)).code, 0)
    assert.match((await put(other.stdout)).stderr, /belongs to the mesh "one".*--replace/)
    assert.equal((await put(other.stdout, '--replace')).code, 0)
    assert.match((await at('c', 'leave')).stdout, /Left the mesh "two"/)

    // A damaged membership may hold the only copy of a key.
    for (const replacing of [() => put(other.stdout, '--replace'), () => at('c', 'leave')]) {
      await writeFile(join(home('c'), 'mesh.json'), '{"key":"half')
      assert.match((await put(other.stdout)).stderr, /mesh\.json cannot be read.*--replace/)
      const { code, stderr } = await replacing()
      assert.equal(code, 0)
      const kept = /It was moved to (.+)/.exec(stderr)?.[1] ?? ''
      assert.equal(await readFile(kept, 'utf8'), '{"key":"half')
    }
  })

  it('joins by an invite whose lines were wrapped, by stdin and at a terminal', async () => {
    const address = `/ip4/5.10.0.10/tcp/17476/p2p/${FRIEND}`
    const { stdout } = await at('a', 'invite', '--name', 'one', '--address', address)
    const lines = stdout.trim().match(/.{1,40}/g) ?? []
    assert.ok(lines.length > 2)
    for (const [name, wrapped] of [
      ['unix', lines.join('\n')],
      ['windows', `${lines.join('\r\n')}\r\n`],
      ['quoted', lines.map((line) => `  ${line} `).join('\n')]
    ] as const) {
      const joined = await runProcess(['--home', home(name), 'join'], { input: wrapped })
      assert.equal(joined.code, 0, joined.stderr)
      assert.match(joined.stdout, /Joined the private mesh "one"/)
    }
    const [first = '', ...rest] = lines
    const dialogue = [
      ['Paste the invite', `${first}\r`],
      ['the rest of it', `${rest.join('\r')}\r`]
    ]
    const program = [process.execPath, MAIN, '--home', home('terminal'), 'join']
    const { status, stdout: shown } = spawnSync('python3', [TERMINAL, JSON.stringify(dialogue), ...program], {
      encoding: 'utf8'
    })
    assert.equal(status, 0, shown)
    assert.match(shown, /Joined the private mesh "one"/)
  })

  it('believes no run.json whose pid is now another program’s', async () => {
    await at('stale', 'identity')
    const another = createServer((request, response) => {
      asked.push(request.headers)
      response.end('{}')
    })
    const asked: unknown[] = []
    another.listen(0, '127.0.0.1')
    await once(another, 'listening')
    const { port } = another.address() as AddressInfo
    const gateway = `http://127.0.0.1:${port}`
    const addresses = [`/ip4/5.10.0.10/tcp/17476/p2p/${FRIEND}`]
    const stale = JSON.stringify({ pid: process.pid, peer: FRIEND, addresses, gateway })
    await writeFile(join(home('stale'), 'run.json'), stale)
    try {
      const invited = await at('stale', 'invite', '--name', 'stale')
      assert.notEqual(invited.code, 0, 'it invites by addresses of a node that is gone')
      const models = await at('stale', 'models', '--gateway-port', '9')
      assert.match(models.stderr, /No lobstah-node answers at http:\/\/127\.0\.0\.1:9/)
      assert.equal(models.code, 3)
      assert.deepEqual(asked, [], 'another program was asked, with this home’s token')
    } finally {
      another.close()
    }
  })

  it('says that a node which runs already is not in the mesh that was just made', async () => {
    await start('late', ['--relay', '--no-gateway', '--listen', '/ip4/127.0.0.1/tcp/0'])
    const first = await at('late', 'invite', '--name', 'late')
    assert.match(first.stderr, /The node running on this home is not in this mesh yet/)
    assert.equal(first.code, 0)
    assert.doesNotMatch((await at('late', 'invite')).stderr, /not in this mesh yet/)
  })

  it('makes no mesh for an invite that cannot be made', async () => {
    const address = `/ip4/5.10.0.10/tcp/17476/p2p/${FRIEND}`
    for (const wrong of [
      ['--address', '/ip4/5.10.0.10/tcp/17476'],
      ['--address', address, '--days', '99999']
    ])
      assert.match(
        (await at('none', 'invite', '--name', 'one', ...wrong)).stderr,
        /flag --(address|days): expected/
      )
    assert.match((await at('none', 'leave')).stdout, /belonged to no mesh/)
  })

  it('prints the mesh of a home, without a node', async () => {
    const shown = async (): Promise<unknown> =>
      JSON.parse((await at('solo', 'mesh', '--json')).stdout) as unknown
    assert.deepEqual(await shown(), { mesh: null, private: false, bootstrap: [] })
    assert.match((await at('solo', 'mesh')).stdout, /belongs to no mesh/)

    const address = `/ip4/127.0.0.1/tcp/4001/p2p/${FRIEND}`
    const invited = await at('owner', 'invite', '--name', 'attic', '--address', address)
    assert.equal((await runProcess(['--home', home('solo'), 'join', '-'], { input: invited.stdout })).code, 0)
    assert.deepEqual(await shown(), { mesh: 'attic', private: true, bootstrap: [address] })
    assert.match((await at('solo', 'mesh')).stdout, /belongs to the private mesh "attic"/)
    assert.equal((await at('solo', 'leave')).code, 0)
    assert.deepEqual(await shown(), { mesh: null, private: false, bootstrap: [] })
  })

  it('keeps friends in config.json', async () => {
    assert.equal((await at('me', 'friends', 'add', FRIEND)).code, 0)
    assert.equal((await at('me', 'friends', 'list')).stdout.trim(), FRIEND)
    const config = JSON.parse(await readFile(join(home('me'), 'config.json'), 'utf8')) as {
      friends: string[]
    }
    assert.deepEqual(config.friends, [FRIEND])
    assert.equal((await at('me', 'friends', 'add', 'nobody')).code, 2)
    assert.equal((await at('me', 'friends', 'remove', FRIEND)).code, 0)
    assert.match((await at('me', 'friends', 'list')).stdout, /no friends/)
  })

  it('serves a new friend without a restart, and an old one no more', async () => {
    await using engine = await startOllamaServer({ script: () => ({ text: 'Fine.' }) })
    const [address = ''] = await startRelay()
    const serving = [
      '--contribute',
      '--listen',
      '/p2p-circuit',
      '--engine',
      'ollama',
      '--engine-url',
      engine.url
    ]
    const friendsOnly = { LOBSTAH_SERVE_ACCESS: '' }
    await start('contributor', ['--bootstrap', address, ...serving], friendsOnly)
    const consumer = await start('consumer', ['--bootstrap', address, '--engine', 'none'])
    const model = await modelListed(consumer.url)
    const answered = async (): Promise<boolean> =>
      (await at('consumer', 'chat', 'Hi', '--model', model)).stdout === 'Fine.\n'
    assert.equal(await answered(), false)
    const added = await at('contributor', 'friends', 'add', consumer.peer)
    assert.match(added.stdout, /within a second/)
    while (!(await answered())) await delay(100)
    assert.equal((await at('contributor', 'friends', 'remove', consumer.peer)).code, 0)
    while (await answered()) await delay(100)
  })

  it('takes an invite among the peers to join by, and stays in the mesh when it has expired', async () => {
    const [address = ''] = await startRelay('--private', 'lobster home')
    const invited = (await at('relay', 'invite')).stdout.trim()
    const variables = { LOBSTAH_BOOTSTRAP: invited, LOBSTAH_ENGINE: 'none' }
    const node = await start('member', [], variables)
    const file = join(home('member'), 'mesh.json')
    while (!(await readFile(file, 'utf8')).includes('certificate')) await delay(20)
    await node.end()
    const membership = JSON.parse(await readFile(join(home('member'), 'mesh.json'), 'utf8')) as object
    const kept = Object.keys(membership)
    for (const field of ['bootstrap', 'certificate', 'key', 'name', 'owner']) assert.ok(kept.includes(field))
    const { privateKey } = await loadOrCreateIdentity(join(home('relay'), 'owner.key'))
    const expired = sealInvite({ ...openInvite(invited), expiresAt: 1000 }, privateKey)
    assert.match((await at('stranger', 'doctor', '--bootstrap', expired)).stderr, /expired on 1970/)
    const looked = await at(
      'member',
      'doctor',
      '--json',
      '--engine',
      'none',
      '--no-gateway',
      '--bootstrap',
      expired
    )
    const findings = JSON.parse(looked.stdout) as { check: string; status: string; detail: string }[]
    const [found] = findings.filter(({ check }) => check === 'bootstrap')
    assert.equal(found?.status, 'ok', looked.stdout)
    assert.ok(found.detail.startsWith(address), found.detail)
    const other = await at('other', 'invite', '--name', 'two', '--address', address)
    const both = await at('member', 'doctor', '--bootstrap', other.stdout.trim())
    assert.equal(both.code, 2)
    assert.match(both.stderr, /invite is for the mesh "two", but this home belongs to "lobster home"/)
  })

  it('notices a frozen contributor by its silence, and says so', async () => {
    await using engine = await startOllamaServer({
      script: () => ({ text: Array.from({ length: 2000 }, () => 'word '), gate: () => delay(10) })
    })
    const [address = ''] = await startRelay()
    const serving = [
      '--contribute',
      '--listen',
      '/p2p-circuit',
      '--engine',
      'ollama',
      '--engine-url',
      engine.url
    ]
    const contributor = await start('contributor', ['--bootstrap', address, ...serving])
    const consumer = await start('consumer', ['--bootstrap', address, '--engine', 'none'])
    const model = await modelListed(consumer.url)
    const response = await fetch(`${consumer.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'Hi' }] })
    })
    let text = ''
    let frozenAt = 0
    try {
      for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
        text += piece
        if (frozenAt === 0 && text.includes('word')) {
          contributor.process.kill('SIGSTOP')
          frozenAt = performance.now()
        }
      }
    } catch {
      // The gateway may also break the response off: either way it does not end as an answer does.
    }
    const took = performance.now() - frozenAt
    assert.ok(frozenAt > 0)
    assert.doesNotMatch(text, /"finish_reason":"stop"/)
    assert.doesNotMatch(text, /\[DONE\]/)
    // Five seconds of silence, and some more for a busy machine.
    assert.ok(took < 8000, `took ${took} ms`)
  })
})
