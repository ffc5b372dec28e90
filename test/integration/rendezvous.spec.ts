import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultLogger } from '@libp2p/logger'
import type { Lobstah, LobstahInit } from '../../node/lobstah.ts'
import type { RendezvousInit } from '../../node/rendezvous/index.ts'
import { Tracker } from '../../node/tracker/index.ts'
import { Mesh, ask, collect, contributorsKnown, textOf, until } from '../support/mesh.ts'
import { TestNostrRelay } from '../support/nostr-relay.ts'
import { ScriptedEngine, say } from '../support/scripted-engine.ts'

const LISTEN = ['/ip4/127.0.0.1/tcp/0']

describe('a mesh without an address to join by', function () {
  this.timeout(90_000)
  let mesh: Mesh
  let folder: string
  let tracker: Tracker
  let nostr: TestNostrRelay

  beforeEach(async () => {
    mesh = new Mesh()
    folder = await mkdtemp(join(tmpdir(), 'lobstah-rendezvous-'))
    tracker = new Tracker({ host: '127.0.0.1', port: 0 }, { log: defaultLogger().forComponent('test') })
    await tracker.start()
    nostr = await new TestNostrRelay().start()
  })
  afterEach(async () => {
    await mesh.stop()
    await tracker.stop()
    await nostr.stop()
    await rm(folder, { recursive: true })
  })

  function at(where: Partial<RendezvousInit>): Pick<LobstahInit, 'rendezvous'> {
    const nostrKeyFile = join(folder, 'nostr.key')
    return {
      rendezvous: {
        trackers: [],
        nostr: [],
        nostrKeyFile,
        announces: false,
        finds: false,
        loopbackPeers: true,
        ...where
      }
    }
  }

  const byTracker = (rest: Partial<RendezvousInit>): Pick<LobstahInit, 'rendezvous'> =>
    at({ trackers: [tracker.url ?? ''], ...rest })
  const byNostr = (rest: Partial<RendezvousInit>): Pick<LobstahInit, 'rendezvous'> =>
    at({ nostr: [nostr.url], ...rest })

  async function contributor(init: Partial<LobstahInit>): Promise<Lobstah> {
    return await mesh.node({
      contribute: true,
      engine: new ScriptedEngine(() => say(['found'])),
      listen: LISTEN,
      punch: false,
      ...init
    })
  }

  async function answers(node: Lobstah): Promise<void> {
    await contributorsKnown(node, 1)
    assert.equal(textOf(await collect(node.consumer.infer(ask('who is there?')))), 'found')
  }

  async function listed(mesh = 'public'): Promise<{ payload: string }[]> {
    const response = await fetch(`${tracker.url}/peers?mesh=${mesh}`)
    return ((await response.json()) as { peers: { payload: string }[] }).peers
  }

  it('is found through a tracker alone; who stops is no longer listed', async () => {
    const serving = await contributor(byTracker({ announces: true }))
    const asking = await mesh.node(byTracker({ finds: true }))
    await answers(asking)
    const records = await listed()
    assert.deepEqual(
      records.map(({ payload }) => (JSON.parse(payload) as { peer: string }).peer),
      [serving.peer]
    )
    await serving.stop()
    assert.deepEqual(await listed(), [])
  })

  it('is found through a Nostr relay alone, by a key that the home keeps', async () => {
    const serving = await contributor(byNostr({ announces: true }))
    const asking = await mesh.node(byNostr({ finds: true }))
    await answers(asking)
    const [event] = nostr.memory.events.values()
    const file = join(folder, 'nostr.key')
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    const key = await readFile(file, 'utf8')
    const presence = JSON.parse((JSON.parse(event!.content) as { payload: string }).payload) as object
    assert.deepEqual(
      { ...presence, addresses: [], issuedAt: 0, expiresAt: 0 },
      {
        peer: serving.peer,
        mesh: 'public',
        addresses: [],
        models: ['scripted:1b'],
        relay: false,
        nostr: event!.pubkey,
        issuedAt: 0,
        expiresAt: 0
      }
    )
    await serving.stop()
    assert.ok(![...nostr.memory.events.values()].some(({ kind }) => kind === event!.kind))
    const again = await contributor(byNostr({ announces: true }))
    await until(() => [...nostr.memory.events.values()].some(({ kind }) => kind === event!.kind))
    assert.equal(await readFile(file, 'utf8'), key)
    assert.notEqual(again.peer, serving.peer)
  })

  it('announces a Nostr relay that was away once it is back', async () => {
    const { url } = nostr
    await nostr.stop()
    await contributor(at({ nostr: [url], announces: true }))
    nostr = await new TestNostrRelay().start(Number(new URL(url).port))
    await until(() => nostr.memory.events.size > 0)
  })

  for (const place of ['tracker', 'Nostr relay']) {
    it(`shows a private mesh’s addresses and models to its members alone, at a ${place}`, async () => {
      const by = place === 'tracker' ? byTracker : byNostr
      const [key, other] = [randomBytes(32), randomBytes(32)]
      const serving = await contributor({ ...by({ announces: true }), meshKeys: () => [key] })
      const stranger = await mesh.node({ ...by({ finds: true }), meshKeys: () => [other] })
      const outsider = await mesh.node(by({ finds: true }))
      const asking = await mesh.node({ ...by({ finds: true }), meshKeys: () => [key] })
      await answers(asking)
      assert.deepEqual(
        [stranger, outsider].flatMap((node) => node.libp2p.getPeers()),
        []
      )
      const shown =
        place === 'tracker'
          ? JSON.stringify(await listed((await import('../../protocols/presence/index.ts')).meshTag(key)))
          : JSON.stringify([...nostr.memory.events.values()])
      assert.ok(shown.length > 500)
      assert.doesNotMatch(shown, /127\.0\.0\.1|scripted/)
      if (place === 'Nostr relay') assert.ok(!shown.includes(serving.peer))
    })
  }

  it('contacts neither without being told to, in either direction', async () => {
    let contacted = 0
    const original = globalThis.fetch
    globalThis.fetch = async (...given) => {
      const response = await original(...given)
      if (response.url.startsWith(tracker.url ?? '?')) contacted++
      return response
    }
    try {
      const both = { trackers: [tracker.url ?? ''], nostr: [nostr.url] }
      await contributor(at(both))
      const silent = await mesh.node(at(both))
      const announcing = await contributor(at({ ...both, announces: true }))
      await until(() => contacted > 0 && nostr.memory.events.size > 0)
      assert.equal((await listed()).length, 1)
      assert.deepEqual(announcing.libp2p.getPeers(), [])
      assert.equal(mesh.nodes.flatMap((node) => node.libp2p.getPeers()).length, 0)
      await silent.stop()
      // The announcement, and the list that was fetched here.
      assert.deepEqual([contacted, nostr.connections], [2, 1])
    } finally {
      globalThis.fetch = original
    }
  })

  it('finds itself again after all its relays changed', async () => {
    const relay = async (): Promise<Lobstah> =>
      await mesh.node({ relay: true, listen: LISTEN, ...byTracker({ announces: true }) })
    const first = await relay()
    await contributor({ listen: ['/p2p-circuit'], ...byTracker({ announces: true, finds: true }) })
    const asking = await mesh.node({ punch: false, ...byTracker({ finds: true }) })
    await answers(asking)
    await first.stop()
    await until(() => asking.directory.contributors().length === 0)
    await relay()
    await answers(asking)
  })
})
