import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mock } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import type { IdentifyResult, Libp2p, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import type { Key } from 'interface-datastore'
import { createLibp2p } from 'libp2p'
import { pEvent } from 'p-event'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../../node/libp2p.ts'
import { PeerDatastore } from '../../../node/patches/peer-datastore.ts'

class CountingDatastore extends PeerDatastore {
  reads = 0

  override get(key: Key): ReturnType<PeerDatastore['get']> {
    this.reads++
    return super.get(key)
  }
}

describe('node/patches/peer-protocols', () => {
  let folder: string
  let datastore: CountingDatastore
  let peerStore: LobstahLibp2p['peerStore']
  let peer: PeerId

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-peers-'))
    datastore = new CountingDatastore(folder)
    await datastore.open()
    const privateKey = await generateKeyPair('Ed25519')
    ;({ peerStore } = await createLobstahLibp2p({ loopbackPeers: true, privateKey, datastore }))
    peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    await peerStore.patch(peer, { protocols: ['/a', '/b'] })
    await peerStore.merge(peer, { protocols: ['/a'] })
  })
  afterEach(async () => {
    await datastore.close()
    await rm(folder, { recursive: true })
  })

  it('does not read what it knows', async () => {
    const before = datastore.reads
    const { protocols, id } = await peerStore.merge(peer, { protocols: ['/b'] })
    assert.deepEqual(protocols.toSorted(), ['/a', '/b'])
    assert.ok(id.equals(peer))
    assert.equal(datastore.reads, before)
  })

  it('takes no protocol of a stream for one that the peer serves', async () => {
    await peerStore.merge(peer, { protocols: ['/c'] })
    assert.deepEqual((await peerStore.get(peer)).protocols.toSorted(), ['/a', '/b'])
    await peerStore.patch(peer, { protocols: ['/d'] })
    await peerStore.merge(peer, { protocols: ['/a'] })
    assert.deepEqual((await peerStore.get(peer)).protocols, ['/d'])
  })

  it('knows no peer that was deleted', async () => {
    await peerStore.delete(peer)
    const { protocols } = await peerStore.merge(peer, { protocols: ['/a'] })
    assert.deepEqual(protocols, [])
  })

  it('does not forget a peer in use, however long', async () => {
    const start = Date.now()
    mock.timers.enable({ apis: ['Date'], now: start })
    try {
      for (let hour = 1; hour <= 8; hour++) {
        mock.timers.setTime(start + hour * 3_600_001)
        await peerStore.merge(peer, { protocols: ['/a'] })
      }
      assert.deepEqual((await peerStore.get(peer)).protocols.toSorted(), ['/a', '/b'])
    } finally {
      mock.timers.reset()
    }
  })

  it('keeps what else is known of a peer', async () => {
    const address = multiaddr('/ip4/127.0.0.1/tcp/1')
    await peerStore.merge(peer, { multiaddrs: [address], protocols: ['/a'] })
    const { addresses } = await peerStore.merge(peer, { protocols: ['/a'] })
    assert.deepEqual(
      addresses.map((known) => String(known.multiaddr)),
      [String(address)]
    )
  })

  it('tells its peers of a change although one of them says nothing', async () => {
    const nodes: Libp2p[] = []
    try {
      const [node, listener] = await Promise.all([started(), started()])
      // Without identify and ping.
      const silent = await createLibp2p({
        transports: [tcp()],
        connectionEncrypters: [noise()],
        streamMuxers: [yamux()],
        connectionGater: { denyDialMultiaddr: () => false }
      })
      nodes.push(node, listener, silent)
      await silent.dial(node.getMultiaddrs())
      await Promise.all([pEvent(node, 'peer:identify'), listener.dial(node.getMultiaddrs())])
      const told = pEvent<'peer:identify', CustomEvent<IdentifyResult>>(listener, 'peer:identify', {
        filter: ({ detail }) => detail.protocols.includes('/new/1.0.0'),
        timeout: 15_000
      })
      await node.handle('/new/1.0.0', () => undefined)
      await told
      assert.equal(node.getConnections(silent.peerId).length, 1)
    } finally {
      for (const node of nodes) await node.stop()
    }
  })

  async function started(): Promise<LobstahLibp2p> {
    const privateKey = await generateKeyPair('Ed25519')
    const node = await createLobstahLibp2p({
      loopbackPeers: true,
      privateKey,
      listen: ['/ip4/127.0.0.1/tcp/0']
    })
    await node.start()
    return node
  }
})
