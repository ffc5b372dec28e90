import assert from 'node:assert/strict'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { ProviderRecords } from '../../../node/discovery/index.ts'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../../node/libp2p.ts'
import { until } from '../../support/mesh.ts'

const MODEL = 'some:1b'

describe('node/discovery/routing-table', () => {
  const running: (() => unknown)[] = []
  afterEach(async () => {
    for (const stop of running.splice(0).toReversed()) await stop()
  })

  async function start(
    relay: boolean,
    others: LobstahLibp2p[],
    listen = ['/ip4/127.0.0.1/tcp/0']
  ): Promise<LobstahLibp2p> {
    const node = await createLobstahLibp2p({ privateKey: await generateKeyPair('Ed25519'), listen, relay })
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
    // Who is found after the contributor is connected to after it would have been.
    const third = await start(true, [first])
    await until(async () => (await find()).length > 0 && (await inTable(asker, third)))
    assert.equal(asker.getConnections(contributor.peerId).length, 0)

    await asker.dial(contributor.peerId)
    await find()
    const fourth = await start(true, [asker])
    await until(() => inTable(asker, fourth))
    assert.equal(await inTable(asker, contributor), false)
  })
})
