import assert from 'node:assert/strict'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { modelCid } from '../../node/discovery/index.ts'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../node/libp2p.ts'
import { reportAttack } from './table.ts'

const PING_PROTOCOL = '/ipfs/ping/1.0.0'

describe('attacks: relays and DHT servers', function () {
  this.timeout(60_000)
  const nodes: LobstahLibp2p[] = []
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.stop()
  })

  async function node(init: Partial<Parameters<typeof createLobstahLibp2p>[0]> = {}): Promise<LobstahLibp2p> {
    const made = await createLobstahLibp2p({
      privateKey: await generateKeyPair('Ed25519'),
      monitor: false,
      loopbackPeers: true,
      ...init
    })
    nodes.push(made)
    await made.start()
    return made
  }

  it('asks few of the connections of a peer that dials again and again', async () => {
    const relay = await node({ relay: true, listen: ['/ip4/127.0.0.1/tcp/0'] })
    const stranger = await node()
    let pings = 0
    await stranger.unhandle(PING_PROTOCOL)
    await stranger.handle(
      PING_PROTOCOL,
      (stream) => {
        pings++
        void stream.close().catch(() => undefined)
      },
      { maxInboundStreams: 1000 }
    )
    const from = performance.now()
    const dials = 60
    for (let n = 0; n < dials; n++)
      // Beyond the connections that one peer may have, it is refused.
      await stranger.dial(relay.getMultiaddrs(), { force: true }).catch(() => undefined)
    const held = relay.getConnections(stranger.peerId).length
    assert.ok(held > 16 && held <= 32, `${held} connections`)
    reportAttack({
      promise: 'one peer has a bounded number of connections',
      attack: `${dials} connections of one peer`,
      reached: `${held} connections`,
      bound: '32 connections'
    })
    const bound = 4 * (Math.ceil((performance.now() - from) / 3000) + 1)
    reportAttack({
      promise: 'a peer that dials again and again has few connections asked',
      attack: `${dials} connections of one peer`,
      reached: `${pings} pings`,
      bound: '4 in 3 s'
    })
    assert.ok(pings <= bound, `${pings} pings, at most ${bound}`)
  })

  it('holds no more provider records of one peer than it may have', async () => {
    const relay = await node({ relay: true, listen: ['/ip4/127.0.0.1/tcp/0'] })
    const liar = (await node()).peerId
    const { providers } = relay.services.dht as unknown as {
      providers: {
        addProvider(cid: CID, peer: PeerId): Promise<void>
        getProviders(cid: CID): Promise<PeerId[]>
      }
    }
    const told = await Promise.all(Array.from({ length: 2000 }, (_, n) => modelCid(`made-up:${n}`)))
    for (const cid of told) await providers.addProvider(cid, liar)
    let held = 0
    for (const cid of told) held += (await providers.getProviders(cid)).length
    reportAttack({
      promise: 'a DHT server holds a bounded number of provider records of one peer',
      attack: `${told.length} records of models that are made up`,
      reached: `${held} records`,
      bound: '256 records'
    })
    assert.ok(held <= 256, `${held} records`)
  })
})
