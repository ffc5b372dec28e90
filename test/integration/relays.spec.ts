import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { pEvent } from 'p-event'
import type { Lobstah } from '../../node/lobstah.ts'
import { RelayKeeper } from '../../node/discovery/index.ts'
import { createLobstahLibp2p } from '../../node/libp2p.ts'
import { createRelay, type Network, type NetworkInit } from '../../node/network.ts'
import { DEFAULT_RELAY_LIMITS } from '../../node/relay/defaults.ts'
import { Mesh, ask, collect, contributorsKnown, textOf, until } from '../support/mesh.ts'
import { SCRIPTED_MODEL, ScriptedEngine, say } from '../support/scripted-engine.ts'

/** Where libp2p's relay gives places; not in its public type. */
interface Reserving {
  reserve(...args: unknown[]): { status: string }
}

describe('relays', function () {
  this.timeout(60_000)
  let mesh: Mesh
  let relays: Network[]

  beforeEach(() => {
    mesh = new Mesh()
    relays = []
  })
  afterEach(async () => {
    await mesh.stop()
    await Promise.all(relays.map((relay) => relay.stop()))
  })

  async function startRelay(init: Partial<NetworkInit> = {}, privateKey?: PrivateKey): Promise<Network> {
    const relay = await createRelay({
      loopbackPeers: true,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      ...init,
      privateKey: privateKey ?? (await generateKeyPair('Ed25519'))
    })
    relays.push(relay)
    await relay.start()
    return relay
  }

  const addressesOf = (...nodes: Network[]): string[] =>
    nodes.flatMap(({ libp2p }) => libp2p.getMultiaddrs().map(String))

  const contribute = (bootstrap: string[], rest: object = {}): Promise<Lobstah> =>
    mesh.node({
      bootstrap,
      engine: new ScriptedEngine(() => say(['fine'])),
      contribute: true,
      listen: ['/p2p-circuit'],
      ...rest
    })

  async function stopRelay(relay: Network): Promise<void> {
    relays.splice(relays.indexOf(relay), 1)
    await relay.stop()
  }

  it('are two to a contributor where two are known, and the other one serves at once when one dies', async () => {
    const [first, second] = [await startRelay(), await startRelay()]
    const bootstrap = addressesOf(first, second)
    const contributor = await contribute(bootstrap)
    await until(() => contributor.relays.held().length === 2)
    const consumer = await mesh.node({ bootstrap })
    await contributorsKnown(consumer, 1)
    const [connection] = consumer.libp2p.getConnections(contributor.libp2p.peerId)
    const used = relays.find(({ libp2p }) =>
      connection!.remoteAddr.toString().includes(libp2p.peerId.toString())
    )
    await stopRelay(used!)
    const lostAt = performance.now()
    await until(() => consumer.libp2p.getConnections(contributor.libp2p.peerId).length === 0)
    await contributorsKnown(consumer, 1)
    assert.equal(textOf(await collect(consumer.consumer.infer(ask('Hi')))), 'fine')
    assert.ok(performance.now() - lostAt < 5000, `took ${performance.now() - lostAt} ms`)
    assert.deepEqual(contributor.relays.held(), [relays[0]!.libp2p.peerId.toString()])
  })

  it('are one where one is known', async () => {
    const relay = await startRelay()
    const contributor = await contribute(addressesOf(relay))
    await until(() => contributor.relays.held().length === 1)
    assert.deepEqual(contributor.relays.held(), [relay.libp2p.peerId.toString()])
  })

  for (const kind of ['any', 'named'] as const) {
    it(`are back within 5 s of a restart, listened on as ${kind}`, async () => {
      const key = await generateKeyPair('Ed25519')
      const relay = await startRelay({}, key)
      const [address = ''] = addressesOf(relay)
      const contributor = await contribute([address], {
        listen: [kind === 'any' ? '/p2p-circuit' : `${address}/p2p-circuit`]
      })
      const consumer = await mesh.node({ bootstrap: [address] })
      await contributorsKnown(consumer, 1)
      await stopRelay(relay)
      await until(() => contributor.relays.held().length === 0)
      await until(() => consumer.directory.contributors().length === 0)
      const back = await startRelay({ listen: [address.replace(/\/p2p\/.*/, '')] }, key)
      const from = performance.now()
      assert.equal(addressesOf(back)[0], address)
      await until(() => contributor.relays.held().length === 1)
      await contributorsKnown(consumer, 1)
      assert.equal(textOf(await collect(consumer.consumer.infer(ask('Hi')))), 'fine')
      assert.ok(performance.now() - from < 5000, `took ${performance.now() - from} ms`)
    })
  }

  it('free a place when its holder leaves', async () => {
    const relay = await startRelay({ relayLimits: { ...DEFAULT_RELAY_LIMITS, reservations: 1 } })
    const first = await contribute(addressesOf(relay))
    await until(() => first.relays.held().length === 1)
    mesh.nodes.splice(mesh.nodes.indexOf(first), 1)
    await first.stop()
    const second = await contribute(addressesOf(relay))
    await until(() => second.relays.held().length === 1)
    assert.equal(relay.libp2p.services.relay?.reservations.size, 1)
  })

  it('refuse a peer more circuits than they allow, and let others through', async () => {
    const relay = await startRelay({ relayLimits: { ...DEFAULT_RELAY_LIMITS, circuitsPerPeer: 2 } })
    const bootstrap = addressesOf(relay)
    const contributor = await contribute(bootstrap)
    await until(() => contributor.relays.held().length === 1)
    const greedy = await mesh.node({ bootstrap })
    const through = contributor.libp2p.getMultiaddrs().map((address) => multiaddr(address.toString()))
    await contributorsKnown(greedy, 1)
    await greedy.libp2p.dial(through, { force: true })
    await assert.rejects(greedy.libp2p.dial(through, { force: true }))
    const modest = await mesh.node({ bootstrap })
    await contributorsKnown(modest, 1)
    assert.equal(textOf(await collect(modest.consumer.infer(ask('Hi')))), 'fine')
  })

  /** An engine that holds a prompt of 12 MiB. */
  const roomy = (): { engine: ScriptedEngine } => ({
    engine: new ScriptedEngine(() => say(['fine']), [{ ...SCRIPTED_MODEL, contextLength: 2 ** 24 }])
  })

  it('hold up who sends more than its share, and lose nothing of it', async () => {
    const bytesPerSecond = 2 ** 20
    const relay = await startRelay({ relayLimits: { ...DEFAULT_RELAY_LIMITS, bytesPerSecond } })
    const bootstrap = addressesOf(relay)
    await contribute(bootstrap, roomy())
    const consumer = await mesh.node({ bootstrap })
    await contributorsKnown(consumer, 1)
    // The burst is eight seconds' worth, and a window of 1 MiB is on the way: at least 3 s are left to wait.
    const large = 'x'.repeat(12 * bytesPerSecond)
    const from = performance.now()
    assert.equal(textOf(await collect(consumer.consumer.infer(ask(large)))), 'fine')
    assert.ok(performance.now() - from > 2000, `took ${performance.now() - from} ms`)
  })

  it('cut a circuit that has carried more than they allow, which the consumer sees as a lost peer', async () => {
    const relay = await startRelay({ relayLimits: { ...DEFAULT_RELAY_LIMITS, bytesPerCircuit: 50_000 } })
    const bootstrap = addressesOf(relay)
    await contribute(bootstrap, roomy())
    const consumer = await mesh.node({ bootstrap })
    await contributorsKnown(consumer, 1)
    await assert.rejects(collect(consumer.consumer.infer(ask('x'.repeat(100_000)))), {
      name: 'PeerLostError'
    })
  })

  it('end a circuit that is older than they allow, and the next one serves', async () => {
    const relay = await startRelay({ relayLimits: { ...DEFAULT_RELAY_LIMITS, circuitMs: 1500 } })
    const bootstrap = addressesOf(relay)
    const contributor = await contribute(bootstrap)
    const consumer = await mesh.node({ bootstrap, punch: false })
    await contributorsKnown(consumer, 1)
    const [circuit] = consumer.libp2p.getConnections(contributor.libp2p.peerId)
    await until(() => circuit!.status !== 'open')
    await contributorsKnown(consumer, 1)
    assert.equal(textOf(await collect(consumer.consumer.infer(ask('Hi')))), 'fine')
  })

  it('have no place for one more than they allow', async () => {
    const relay = await startRelay({ relayLimits: { ...DEFAULT_RELAY_LIMITS, reservations: 1 } })
    const first = await contribute(addressesOf(relay))
    await until(() => first.relays.held().length === 1)
    const second = await contribute(addressesOf(relay))
    await until(() => second.relays.known === 1)
    await reserve(second, relay)
    assert.deepEqual(second.relays.held(), [])
    assert.equal(relay.libp2p.services.relay?.reservations.size, 1)
  })

  it('give a place that has come free to who was refused before', async () => {
    const relay = await startRelay({ relayLimits: { ...DEFAULT_RELAY_LIMITS, reservations: 1 } })
    const holder = await mesh.node()
    await reserve(holder, relay)
    const refusals = countRefusals(relay)
    const listen = ['/p2p-circuit']
    const refused = await createLobstahLibp2p({
      loopbackPeers: true,
      privateKey: await generateKeyPair('Ed25519'),
      listen
    })
    const log = defaultLogger().forComponent('test')
    const keeper = new RelayKeeper({ listen, askAgainMs: 200 }, { libp2p: refused, log })
    try {
      keeper.start()
      await refused.start()
      await refused.dial(relay.libp2p.getMultiaddrs())
      // Twice: as libp2p met the relay, and as the keeper had it asked again.
      await until(() => refusals() >= 2)
      assert.deepEqual(keeper.held(), [])
      await holder.libp2p.hangUp(relay.libp2p.peerId)
      await until(() => keeper.held().length === 1)
    } finally {
      await keeper.stop()
      await refused.stop()
    }
  })

  /** Counts whom a relay gives no place from now on. */
  function countRefusals({ libp2p }: Network): () => number {
    const { reservationStore: store } = libp2p.services.relay as unknown as { reservationStore: Reserving }
    const reserve = store.reserve.bind(store)
    let count = 0
    store.reserve = (...args) => {
      const result = reserve(...args)
      if (result.status !== 'OK') count++
      return result
    }
    return () => count
  }

  /** Asks for a place as a client does that renews it. */
  async function reserve(node: Lobstah, relay: Network): Promise<void> {
    const connection = await node.libp2p.dial(relay.libp2p.getMultiaddrs())
    const stream = await connection.newStream('/libp2p/circuit/relay/0.2.0/hop')
    // A length of two, then field 1 (the type) with the value 0 (RESERVE).
    stream.send(Uint8Array.of(2, 8, 0))
    await pEvent(stream, 'message')
    await stream.close()
  }

  // With the clock of retimeable-signal 1.0.1 it is cut at the time of the first renewal.
  it('keep a circuit for as long as its place is renewed', async () => {
    const relay = await startRelay({ reservationTtlMs: TTL_MS })
    assert.equal(await survivesRenewals(relay), true)
  })

  it('end a place that nobody renews, and not before its time for a peer that was here earlier', async () => {
    const relay = await startRelay({ reservationTtlMs: TTL_MS })
    const places = relay.libp2p.services.relay!.reservations
    const peer = await mesh.node()
    await reserve(peer, relay)
    const began = performance.now()
    await delay(TTL_MS / 2)
    await peer.libp2p.hangUp(relay.libp2p.peerId)
    await until(() => places.size === 0)
    await reserve(peer, relay)
    const again = performance.now()
    await until(() => places.size === 0)
    const ended = performance.now()
    assert.ok(ended - again > TTL_MS * 0.9, `took ${ended - again} ms, ${ended - began} ms since the first`)
  })

  const TTL_MS = 2000

  /** Renews a place every quarter of `TTL_MS`, for twice as long; whether a circuit through it is still open then. */
  async function survivesRenewals(relay: Network): Promise<boolean> {
    const bootstrap = addressesOf(relay)
    const contributor = await contribute(bootstrap)
    await until(() => contributor.relays.held().length === 1)
    const consumer = await mesh.node()
    const circuit = await consumer.libp2p.dial(contributor.libp2p.getMultiaddrs())
    for (let i = 0; i < 8 && circuit.status === 'open'; i++) {
      await reserve(contributor, relay)
      await Promise.race([delay(TTL_MS / 4), pEvent(circuit, 'close')])
    }
    return circuit.status === 'open'
  }
})
