import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Key } from 'interface-datastore'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../../node/libp2p.ts'
import { PeerDatastore } from '../../../node/peer-datastore.ts'

class CountingDatastore extends PeerDatastore {
  reads = 0

  override get(key: Key): ReturnType<PeerDatastore['get']> {
    this.reads++
    return super.get(key)
  }
}

describe('node/peer-protocols', () => {
  let folder: string
  let datastore: CountingDatastore
  let peerStore: LobstahLibp2p['peerStore']
  let peer: PeerId

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-peers-'))
    datastore = new CountingDatastore(folder)
    await datastore.open()
    const privateKey = await generateKeyPair('Ed25519')
    ;({ peerStore } = await createLobstahLibp2p({ privateKey, datastore }))
    peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    await peerStore.merge(peer, { protocols: ['/a', '/b'] })
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

  it('keeps a protocol that is new, or was taken away meanwhile', async () => {
    await peerStore.merge(peer, { protocols: ['/c'] })
    await peerStore.patch(peer, { protocols: ['/d'] })
    await peerStore.merge(peer, { protocols: ['/a'] })
    assert.deepEqual((await peerStore.get(peer)).protocols.toSorted(), ['/a', '/d'])
  })

  it('knows no peer that was deleted', async () => {
    await peerStore.delete(peer)
    await peerStore.merge(peer, { protocols: ['/a'] })
    assert.deepEqual((await peerStore.get(peer)).protocols, ['/a'])
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
})
