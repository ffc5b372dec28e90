import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { ConnectionClosedError, type PeerId, type PeerInfo } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { pEvent } from 'p-event'
import { ProviderRecords } from '../../../node/discovery/index.ts'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../../node/libp2p.ts'
import { PeerDatastore } from '../../../node/patches/peer-datastore.ts'
import { LyingServer } from '../../support/lying-server.ts'
import { until } from '../../support/mesh.ts'

const MODEL = 'some:1b'

describe('node/patches/routing-table', () => {
  const running: (() => unknown)[] = []
  afterEach(async () => {
    for (const stop of running.splice(0).toReversed()) await stop()
  })

  async function start(
    relay: boolean,
    others: LobstahLibp2p[],
    listen = ['/ip4/127.0.0.1/tcp/0']
  ): Promise<LobstahLibp2p> {
    const node = await createLobstahLibp2p({
      loopbackPeers: true,
      privateKey: await generateKeyPair('Ed25519'),
      listen,
      relay
    })
    await node.start()
    running.push(() => node.stop())
    for (const other of others) await node.dial(other.getMultiaddrs())
    return node
  }

  function recordsOf(libp2p: LobstahLibp2p): ProviderRecords {
    const records = new ProviderRecords({ libp2p, log: defaultLogger().forComponent('test') })
    records.start()
    running.push(() => records.stop())
    return records
  }

  interface Table {
    find(peer: PeerId): Promise<PeerId | undefined>
  }

  async function inTable(node: LobstahLibp2p, other: LobstahLibp2p): Promise<boolean> {
    const table = node.services.dht.routingTable as unknown as Table
    return (await table.find(other.peerId)) !== undefined
  }

  it('takes up a server whose first ping went with a second connection to it', async () => {
    const server = await start(true, [])
    const asker = await start(false, [])
    const { ping } = asker.services
    const pinged = ping.ping.bind(ping)
    const first = Promise.withResolvers<undefined>()
    let pings = 0
    ping.ping = async (...args) => {
      if (pings++ > 0) return await pinged(...args)
      await first.promise
      throw new ConnectionClosedError('Remote closed connection during opening')
    }
    const dht = asker.services.dht as unknown as { onPeerConnect(peer: PeerInfo): Promise<void> }
    let told = 0
    const take = dht.onPeerConnect.bind(dht)
    dht.onPeerConnect = async (peer) => {
      await take(peer)
      told++
    }
    await asker.dial(server.getMultiaddrs())
    await until(() => told === 1 && pings === 1)
    first.resolve(undefined)
    await until(() => inTable(asker, server))
    assert.equal(told, 1, 'the table may wait for ever to be told again')
  })

  it('takes up servers of which others tell, and no contributor that a look-up finds', async () => {
    const first = await start(true, [])
    const second = await start(true, [first])
    const reserving = first.getMultiaddrs().map((address) => `${String(address)}/p2p-circuit`)
    const contributor = await start(false, [], reserving)
    recordsOf(contributor).set([MODEL])
    const asker = await start(false, [first])
    const records = recordsOf(asker)
    const find = (): Promise<PeerId[]> => Array.fromAsync(records.find(MODEL, AbortSignal.timeout(5000)))
    await until(async () => (await find()).some((peer) => peer.equals(contributor.peerId)))
    await until(() => inTable(asker, second))
    // Peers found after the contributor are dialled after the time at which it would have been.
    const third = await start(true, [first])
    await until(async () => (await find()).length > 0 && (await inTable(asker, third)))
    assert.equal(asker.getConnections(contributor.peerId).length, 0)

    await asker.dial(contributor.peerId)
    await find()
    const fourth = await start(true, [asker])
    await until(() => inTable(asker, fourth))
    assert.equal(await inTable(asker, contributor), false)
  })

  it('admits no DHT client, and drops peers that stop serving', async () => {
    const first = await start(true, [])
    const second = await start(true, [first])
    const contributor = await start(false, [first, second])
    recordsOf(contributor).set([MODEL])
    const find = (node: LobstahLibp2p): Promise<PeerId[]> => {
      const records = new ProviderRecords({ libp2p: node, log: defaultLogger().forComponent('test') })
      return Array.fromAsync(records.find(MODEL, AbortSignal.timeout(5000)))
    }
    await until(() => inTable(contributor, first))
    // It is asked by a look-up of the contributor, and then told of it.
    await until(async () => {
      await find(contributor)
      return (await find(first)).some((peer) => peer.equals(contributor.peerId))
    })
    // Peers that are told of later come later.
    const third = await start(true, [second])
    await until(async () => {
      await find(first)
      return await inTable(first, third)
    })
    assert.equal(await inTable(first, contributor), false)

    await third.services.dht.setMode('client')
    await until(async () => !(await inTable(first, third)))
    assert.equal(await inTable(first, second), true)
  })

  it('keeps no place for who was a server before a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lobstah-peers-'))
    running.push(() => rm(folder, { recursive: true }))
    const datastore = new PeerDatastore(folder)
    await datastore.open()
    running.push(() => datastore.close())
    const privateKey = await generateKeyPair('Ed25519')
    const listen = ['/ip4/127.0.0.1/tcp/0']
    const server = await start(true, [])
    const node = await createLobstahLibp2p({ loopbackPeers: true, privateKey, listen, datastore })
    await node.start()
    await node.dial(server.getMultiaddrs())
    await until(() => inTable(node, server))
    await node.stop()
    await server.services.dht.setMode('client')
    const again = await createLobstahLibp2p({ loopbackPeers: true, privateKey, listen, datastore })
    running.push(() => again.stop())
    const identified = pEvent(again, 'peer:identify')
    await again.start()
    await identified
    const later = await start(true, [again])
    await until(() => inTable(again, later))
    await until(async () => !(await inTable(again, server)))
  })

  it('is not kept from dialling by an answer with many peers', async () => {
    const liar = await LyingServer.start('closer', 600)
    running.push(() => liar.stop())
    const asker = await start(false, [liar.libp2p])
    await until(() => inTable(asker, liar.libp2p))
    const asked = new AbortController()
    const looking = Array.fromAsync(recordsOf(asker).find(MODEL, asked.signal)).catch(() => undefined)
    running.push(async () => {
      asked.abort()
      await looking
    })
    await until(() => liar.dials >= 10)
    await asker.dial((await start(false, [])).getMultiaddrs())
    assert.ok(asker.getDialQueue().length < 50, `${asker.getDialQueue().length} dials`)
  })

  it('sends queries to a server that is gone once in a while only', async () => {
    const first = await start(true, [])
    const gone = await start(true, [first])
    const asker = await start(false, [first])
    const records = recordsOf(asker)
    const find = (): Promise<PeerId[]> => Array.fromAsync(records.find(MODEL, AbortSignal.timeout(5000)))
    await until(async () => {
      await find()
      return await inTable(asker, gone)
    })
    const port = Number(/tcp\/(\d+)/.exec(String(gone.getMultiaddrs()[0]))?.[1])
    await gone.stop()
    await until(() => asker.getConnections(gone.peerId).length === 0)
    let dials = 0
    const refusing = createServer((socket) => {
      dials++
      socket.destroy()
    })
    refusing.listen(port, '127.0.0.1')
    await once(refusing, 'listening')
    running.push(() => refusing.close())
    await until(async () => {
      await find()
      return dials > 0
    })
    const before = dials
    for (let n = 0; n < 5; n++) await find()
    assert.equal(dials, before)
    assert.equal(await inTable(asker, gone), true)
  })
})
