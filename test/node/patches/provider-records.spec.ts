import assert from 'node:assert/strict'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import type { SingleKadDHT } from '@libp2p/kad-dht'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { CID } from 'multiformats/cid'
import { modelCid } from '../../../node/discovery/index.ts'
import { boundRecords } from '../../../node/patches/index.ts'

class Store {
  readonly kept = new Set<string>()
  addProvider = async (cid: CID, peer: PeerId): Promise<void> => {
    this.kept.add(`${cid.toString()} ${peer.toString()}`)
  }
  removeProvider = async (cid: CID, peer: PeerId): Promise<void> => {
    this.kept.delete(`${cid.toString()} ${peer.toString()}`)
  }
  found: PeerId[] = []
  getProviders = async (_: CID): Promise<PeerId[]> => this.found
}

describe('node/patches/provider-records', () => {
  const someone = async (): Promise<PeerId> => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))

  it('holds so many of one peer, and so many in all, by least use', async () => {
    const store = new Store()
    const { providers } = boundRecords({ providers: store } as unknown as SingleKadDHT, {
      perPeer: 4,
      records: 8
    }) as unknown as { providers: Store }
    const [liar, honest] = [await someone(), await someone()]
    const model = await modelCid('tiny:1b')
    await providers.addProvider(model, honest)
    for (let n = 0; n < 100; n++) await providers.addProvider(await modelCid(`made-up:${n}`), liar)
    assert.equal(store.kept.size, 5)
    for (let n = 0; n < 100; n++) {
      // Requested records stay.
      store.found = [honest]
      await providers.getProviders(model)
      await providers.addProvider(await modelCid(`other:${n}`), await someone())
    }
    assert.equal(store.kept.size, 8)
    assert.ok(store.kept.has(`${model.toString()} ${honest.toString()}`))
  })
})
