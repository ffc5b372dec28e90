import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TestNostrRelay } from '../../support/nostr-relay.ts'
import { modelListed, runProcess, startProcess, type RunningNode } from '../../support/node-process.ts'

const RELAY = ['relay', '--listen', '/ip4/127.0.0.1/tcp/0']
const PEER = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
const ADDRESS = `/ip4/192.0.2.1/tcp/17476/p2p/${PEER}`

describe('node/entry: finding peers without an address', function () {
  this.timeout(120_000)
  let folder: string
  const running: RunningNode[] = []
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-find-'))
  })
  afterEach(async () => {
    await Promise.all(running.splice(0).map((node) => node.end()))
    await rm(folder, { recursive: true })
  })

  const home = (name = 'home'): string => join(folder, name)

  async function start(name: string, args: string[]): Promise<RunningNode> {
    const node = await startProcess(home(name), args)
    running.push(node)
    return node
  }

  const command = (...args: string[]): ReturnType<typeof runProcess> =>
    runProcess(['--home', home(), ...args], { env: { LOBSTAH_LOOPBACK_PEERS: 'true' } })

  async function bootstrap(): Promise<unknown> {
    return (JSON.parse(await readFile(join(home(), 'config.json'), 'utf8')) as { bootstrap: unknown })
      .bootstrap
  }

  it('adds and removes peers in config.json, and keeps what else is there', async () => {
    assert.equal((await command('peers', 'add', ADDRESS)).code, 0)
    await writeFile(join(home(), 'config.json'), JSON.stringify({ slots: 3, bootstrap: [ADDRESS] }))
    const wrong = await command('peers', 'add', '/ip4/192.0.2.1/tcp/17476')
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /expected a multiaddr that ends in the peer id/)
    assert.deepEqual(await bootstrap(), [ADDRESS])
    const unknown = await command('peers', 'remove', PEER.replace('K99', 'K98'))
    assert.equal(unknown.code, 2)
    assert.match(unknown.stderr, new RegExp(ADDRESS))
    assert.equal((await command('peers', 'remove', PEER)).code, 0)
    const kept = JSON.parse(await readFile(join(home(), 'config.json'), 'utf8')) as object
    assert.deepEqual(kept, { slots: 3, bootstrap: [] })
  })

  it('syncs with a tracker that a relay runs: once, and only peers that answer', async () => {
    const tracker = await start('tracker', [
      ...RELAY,
      '--tracker',
      '--tracker-host',
      '127.0.0.1',
      '--tracker-port',
      '0'
    ])
    const url = tracker.ready.tracker as string
    const empty = await command('peers', 'sync', url, '--json')
    assert.deepEqual(JSON.parse(empty.stdout), { found: 0, added: [] }, empty.stderr)
    const relay = await start('relay', [...RELAY, '--tracker', url])
    assert.equal(relay.ready.tracker, null)
    const gone = await start('gone', [...RELAY, '--tracker', url])
    for (;;) {
      const { peers } = (await (await fetch(`${url}/peers`)).json()) as { peers: unknown[] }
      if (peers.length === 2) break
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
    await gone.end('SIGKILL')
    const synced = await command('peers', 'sync', url, '--json')
    const result = JSON.parse(synced.stdout) as { found: number; added: string[] }
    assert.equal(result.found, 2)
    assert.deepEqual(result.added, relay.addresses)
    assert.deepEqual(await bootstrap(), relay.addresses)
    const again = await command('peers', 'sync', url)
    assert.match(again.stdout, /there is no new one that can be reached/)
  })

  it('lets a contributor and a consumer that know one Nostr relay find each other and talk', async () => {
    const nostr = await new TestNostrRelay().start()
    try {
      const common = ['--nostr', nostr.url, '--gateway-port', '0']
      await start('contributor', [
        ...common,
        '--contribute',
        '--engine',
        'embedded',
        '--listen',
        '/ip4/127.0.0.1/tcp/0'
      ])
      const consumer = await start('consumer', [...common, '--discover', '--engine', 'none'])
      const model = await modelListed(consumer.url)
      const response = await fetch(`${consumer.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 })
      })
      assert.equal(response.status, 200, await response.text())
    } finally {
      await nostr.stop()
    }
  })

  it('refuses a tracker without a URL but for a relay, and a public one with --lan-only', async () => {
    const bare = await command('--tracker')
    assert.equal(bare.code, 2)
    assert.match(bare.stderr, /--tracker needs the URL of a tracker/)
    const outside = await command(
      '--lan-only',
      '--discover',
      '--tracker',
      'https://tracker.example',
      '--engine',
      'none'
    )
    assert.equal(outside.code, 2)
    assert.match(outside.stderr, /private IP address/)
    const sync = await command('peers', 'sync', 'ftp://tracker.example')
    assert.equal(sync.code, 2)
    assert.match(sync.stderr, /expected the URL of a tracker/)
    const nobody = await command('peers', 'sync', 'http://127.0.0.1:1')
    assert.equal(nobody.code, 3)
    assert.match(nobody.stderr, /The tracker http:\/\/127\.0\.0\.1:1 cannot be used/)
  })
})
