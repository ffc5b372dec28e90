import assert from 'node:assert/strict'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { BootstrapKeeper } from '../../../node/discovery/index.ts'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../../node/libp2p.ts'
import { bareNode } from '../../support/libp2p-pair.ts'
import { eventually } from '../../support/mesh.ts'

describe('node/discovery/bootstrap-keeper', () => {
  let node: LobstahLibp2p
  let keeper: BootstrapKeeper | undefined
  /** Resolves when a dial has failed. */
  let failed: PromiseWithResolvers<undefined>
  const started: LobstahLibp2p[] = []

  beforeEach(async () => {
    node = await bareNode([])
    failed = Promise.withResolvers<undefined>()
  })
  afterEach(async () => {
    await keeper?.stop()
    keeper = undefined
    await Promise.all([node, ...started.splice(0)].map(async (each) => await each.stop()))
  })

  /** A bootstrap peer that can be started again under the same address. */
  async function bootstrapPeer(listen = '/ip4/127.0.0.1/tcp/0', key?: PrivateKey): Promise<LobstahLibp2p> {
    const privateKey = key ?? (await generateKeyPair('Ed25519'))
    const peer = await createLobstahLibp2p({ loopbackPeers: true, privateKey, listen: [listen] })
    await peer.start()
    started.push(peer)
    return peer
  }

  function keep(...addresses: string[]): void {
    const log = Object.assign(() => failed.resolve(undefined), defaultLogger().forComponent('test'))
    keeper = new BootstrapKeeper({ peers: addresses.map((text) => multiaddr(text)) }, { libp2p: node, log })
    keeper.start()
  }

  const connected = (peer: LobstahLibp2p): Promise<void> =>
    eventually(node, 'peer:connect', () => node.getConnections(peer.peerId).length > 0)

  const disconnected = (): Promise<void> =>
    eventually(node, 'peer:disconnect', () => node.getConnections().length === 0)

  it('connects to each bootstrap peer', async () => {
    const peers = [await bootstrapPeer(), await bootstrapPeer()]
    keep(...peers.flatMap((peer) => peer.getMultiaddrs().map(String)))
    await Promise.all(peers.map(connected))
  })

  it('connects again when the connection is lost', async () => {
    const peer = await bootstrapPeer()
    keep(...peer.getMultiaddrs().map(String))
    await connected(peer)
    const lost = disconnected()
    await eventually(peer, 'peer:connect', () => peer.getConnections(node.peerId).length > 0)
    await peer.hangUp(node.peerId)
    await lost
    await connected(peer)
  })

  it('connects to one that is started late, and to one that was down for a while', async () => {
    const privateKey = await generateKeyPair('Ed25519')
    const first = await bootstrapPeer('/ip4/127.0.0.1/tcp/0', privateKey)
    const [address] = first.getMultiaddrs().map(String)
    await first.stop()
    keep(address!)
    await failed.promise
    const second = await bootstrapPeer(address!.split('/p2p/')[0], privateKey)
    await connected(second)
    const lost = disconnected()
    await second.stop()
    await lost
    const third = await bootstrapPeer(address!.split('/p2p/')[0], privateKey)
    await connected(third)
  })

  it('passes over addresses that do not say whose they are', async () => {
    const peer = await bootstrapPeer()
    keep('/ip4/127.0.0.1/tcp/1', ...peer.getMultiaddrs().map(String))
    await connected(peer)
  })

  it('stops, while it dials too, and can be started again', async () => {
    const peer = await bootstrapPeer()
    keep(
      '/ip4/127.0.0.1/tcp/1/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5',
      ...peer.getMultiaddrs().map(String)
    )
    await connected(peer)
    await keeper!.stop()
    await keeper!.stop()
    await node.hangUp(peer.peerId)
    assert.equal(node.getConnections().length, 0)
    keeper!.start()
    keeper!.start()
    await connected(peer)
    assert.equal(node.getConnections(peer.peerId).length, 1)
  })
})
