import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { LevelDatastore } from 'datastore-level'
import { randomBytes } from 'node:crypto'
import { loadQuic } from '../../node/libp2p.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, textOf, until } from '../support/mesh.ts'
import { ScriptedEngine, say } from '../support/scripted-engine.ts'

const LOOPBACK = ['/ip4/127.0.0.1/tcp/0']
const engine = (): ScriptedEngine => new ScriptedEngine(() => say(['fine']))

describe('reach', function () {
  this.timeout(60_000)
  let mesh: Mesh
  beforeEach(() => {
    mesh = new Mesh()
  })
  afterEach(async () => {
    await mesh.stop()
  })

  describe('a private mesh', () => {
    const keys = (): (() => Uint8Array[]) => {
      const key = randomBytes(32)
      return () => [key]
    }

    for (const transport of ['tcp', 'ws'] as const) {
      it(`lets members in and nobody else, over ${transport}`, async () => {
        const meshKeys = keys()
        const listen = [`/ip4/127.0.0.1/tcp/0${transport === 'ws' ? '/ws' : ''}`]
        const relay = await mesh.node({ relay: true, listen, meshKeys })
        const bootstrap = addressesOf(relay)
        await mesh.node({ bootstrap, meshKeys, contribute: true, engine: engine(), listen: ['/p2p-circuit'] })
        const member = await mesh.node({ bootstrap, meshKeys })
        await contributorsKnown(member, 1)
        assert.equal(textOf(await collect(member.consumer.infer(ask('Hi')))), 'fine')
        const before = relay.libp2p.getConnections().length
        for (const stranger of [await mesh.node(), await mesh.node({ meshKeys: keys() })]) {
          await assert.rejects(stranger.libp2p.dial(bootstrap.map((text) => multiaddr(text))))
        }
        assert.equal(relay.libp2p.getConnections().length, before)
      })
    }

    it('has no QUIC: the key cannot be enforced there', async () => {
      const quic = await loadQuic()
      const node = await mesh.node({
        relay: true,
        listen: [...LOOPBACK, '/ip4/127.0.0.1/udp/0/quic-v1'],
        meshKeys: keys(),
        ...(quic === undefined ? {} : { quic })
      })
      assert.equal(addressesOf(node).filter((text) => text.includes('quic')).length, 0)
    })
  })

  it('goes over QUIC where it is to be had, in a public mesh', async function () {
    const quic = await loadQuic()
    if (quic === undefined) return this.skip()
    const relay = await mesh.node({ relay: true, listen: ['/ip4/127.0.0.1/udp/0/quic-v1'], quic })
    const bootstrap = addressesOf(relay)
    assert.match(bootstrap[0] ?? '', /quic-v1/)
    await mesh.node({ bootstrap, quic, contribute: true, engine: engine(), listen: ['/p2p-circuit'] })
    const consumer = await mesh.node({ bootstrap, quic })
    await contributorsKnown(consumer, 1)
    assert.equal(textOf(await collect(consumer.consumer.infer(ask('Hi')))), 'fine')
  })

  it('never leaves private ranges when told so: neither dials, nor accepts, nor looks names up', async () => {
    const node = await mesh.node({ lanOnly: true, listen: LOOPBACK })
    const id = 'p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'
    for (const outside of [
      `/ip4/5.10.0.10/tcp/1/${id}`,
      `/ip6/2606:4700::1/tcp/1/${id}`,
      `/dns4/relay.invalid/tcp/1/${id}`,
      `/dnsaddr/bootstrap.invalid/${id}`,
      `/ip4/5.10.0.10/tcp/1/${id}/p2p-circuit/${id}`
    ]) {
      const from = performance.now()
      await assert.rejects(node.libp2p.dial(multiaddr(outside)), (err: Error) => {
        // Refused before anything was tried: not a dial that failed.
        assert.match(err.name, /DialDenied|NoValidAddresses|DialError/, outside)
        assert.doesNotMatch(err.message, /ENETUNREACH|ETIMEDOUT|ENOTFOUND|ECONN|EAI_AGAIN/, outside)
        return true
      })
      assert.ok(performance.now() - from < 1000, `${outside} took ${performance.now() - from} ms`)
    }
    const inside = await mesh.node({ listen: LOOPBACK })
    await node.libp2p.dial(inside.libp2p.getMultiaddrs())
    assert.equal(node.libp2p.getConnections().length, 1)
  })

  it('finds contributors on the local network by mDNS, without relay or bootstrap', async () => {
    const mdns = { mdns: true, mdnsPort: 20_000 + Math.floor(Math.random() * 20_000) }
    await mesh.node({ ...mdns, contribute: true, engine: engine(), listen: LOOPBACK })
    const consumer = await mesh.node({ ...mdns, listen: LOOPBACK })
    await contributorsKnown(consumer, 1)
    assert.equal(textOf(await collect(consumer.consumer.infer(ask('Hi')))), 'fine')
  })

  it('serves the first token soon after a fresh node starts, and stops while paths are being improved', async () => {
    const bootstrap = addressesOf(await mesh.relay())
    const contributor = await mesh.node({
      bootstrap,
      contribute: true,
      engine: engine(),
      listen: ['/p2p-circuit']
    })
    await until(() => contributor.relays.held().length === 1)
    const from = performance.now()
    const consumer = await mesh.node({ bootstrap })
    await contributorsKnown(consumer, 1)
    assert.equal(textOf(await collect(consumer.consumer.infer(ask('Hi')))), 'fine')
    const took = performance.now() - from
    // Half a second on a machine that has nothing else to do.
    assert.ok(took < 15_000, `${took} ms`)
  })

  it('finds contributors again after a restart without bootstrap, by what it kept', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lobstah-'))
    const privateKey = await generateKeyPair('Ed25519')
    const bootstrap = addressesOf(await mesh.relay())
    await mesh.node({ bootstrap, contribute: true, engine: engine(), listen: ['/p2p-circuit'] })
    const run = async (init: object): Promise<void> => {
      const datastore = new LevelDatastore(join(folder, 'peers'))
      await datastore.open()
      const node = await mesh.node({ privateKey, datastore, ...init })
      await contributorsKnown(node, 1)
      assert.equal(textOf(await collect(node.consumer.infer(ask('Hi')))), 'fine')
      mesh.nodes.splice(mesh.nodes.indexOf(node), 1)
      await node.stop()
      await datastore.close()
    }
    try {
      await run({ bootstrap })
      await run({})
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
