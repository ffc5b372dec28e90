import type { PeerId, PeerInfo, TypedEventTarget } from '@libp2p/interface'
import type { KadDHTComponents, SingleKadDHT } from '@libp2p/kad-dht'
import type { Multiaddr } from '@multiformats/multiaddr'
import { KAD_PROTOCOL } from '../../protocols/index.ts'
import { requireMembers } from './members.ts'

/** Members of kad-dht's routing table that its public type omits. */
interface Table extends TypedEventTarget<{ 'peer:add': CustomEvent<PeerId> }> {
  remove(peer: PeerId): Promise<void>
}

/** Calls back whenever the DHT comes to know another server; returns how to stop it. */
export function onServerFound(dht: SingleKadDHT, listener: () => void): () => void {
  const table = dht.routingTable as unknown as Table
  table.addEventListener('peer:add', listener)
  return () => table.removeEventListener('peer:add', listener)
}

/** Where kad-dht takes up everybody of whom it is told. */
interface TableFiller {
  onPeerConnect(peer: PeerInfo): Promise<void>
}

/** Longest dial of a server of which another told, in milliseconds. */
const DIAL_TIMEOUT_MS = 10_000

/**
 * Most that are dialled at once because another told of them: as many as an honest answer names. libp2p's queue
 * would take 500, and then this node could dial nobody.
 */
const MAX_ASKED = 20

/** Where kad-dht pings a peer before it takes it into its table. */
interface Bucket {
  verify(contact: { peerId: PeerId }, options?: unknown): Promise<boolean>
}

type OnlyServersComponents = Pick<
  KadDHTComponents,
  'peerId' | 'peerStore' | 'connectionManager' | 'events' | 'logger'
>

/**
 * Lets only those into the DHT's table who say themselves that they are servers, for as long as they say so. kad-dht
 * lets in whoever answers a ping: with each look-up it would connect to every provider found, and then send its
 * queries to DHT clients. Alleged servers are asked, except those behind relays, which are none.
 */
export function onlyServers(dht: SingleKadDHT, components: OnlyServersComponents): SingleKadDHT {
  requireMembers('@libp2p/kad-dht', dht, [
    'onPeerConnect()',
    'routingTable.addEventListener()',
    'routingTable.kb.verify()',
    'routingTable.remove()'
  ])
  const { peerId, peerStore, connectionManager } = components
  const filler = dht as unknown as TableFiller
  const take = filler.onPeerConnect.bind(dht)
  let asked = 0
  filler.onPeerConnect = async (peer) => {
    if (peer.id.equals(peerId)) return
    const known = await peerStore.merge(peer.id, { multiaddrs: peer.multiaddrs })
    if (known.protocols.includes(KAD_PROTOCOL)) await take(peer)
    // Connected, it says what it speaks, and comes here again if that is the DHT.
    else if (known.protocols.length === 0 && asked < MAX_ASKED && !peer.multiaddrs.some(isRelayed)) {
      // By its addresses: by its name alone, libp2p would ask the DHT for them.
      const addresses = known.addresses.map(({ multiaddr }) =>
        multiaddr.encapsulate(`/p2p/${peer.id.toString()}`)
      )
      asked++
      try {
        await connectionManager.openConnection(addresses, { signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) })
      } finally {
        asked--
      }
    }
  }
  dropOthers(dht, components)
  pingAgain(dht, components)
  return dht
}

/** Takes those out of the table who are no servers any more: kad-dht keeps whoever answers a ping. */
function dropOthers(dht: SingleKadDHT, { peerStore, events, logger }: OnlyServersComponents): void {
  const table = dht.routingTable as unknown as Table
  const log = logger.forComponent('lobstah:routing-table')
  const drop = (peer: PeerId): void =>
    void table.remove(peer).catch((err: unknown) => log('%p cannot be taken out - %e', peer, err))
  events.addEventListener('peer:update', ({ detail: { peer, previous } }) => {
    if (previous?.protocols.includes(KAD_PROTOCOL) && !peer.protocols.includes(KAD_PROTOCOL)) drop(peer.id)
  })
  // Knowledge from before a restart may turn out wrong while the peer is being pinged.
  table.addEventListener('peer:add', ({ detail: peer }) => {
    void peerStore.get(peer).then(
      ({ protocols }) => {
        if (!protocols.includes(KAD_PROTOCOL)) drop(peer)
      },
      (err: unknown) => log('%p is not known - %e', peer, err)
    )
  })
}

/**
 * Repeats a ping that failed where the peer is connected all the same. Of two dials of one peer libp2p keeps the first
 * and closes the other, the ping on it included, and nobody comes to the table a second time: a node that starts would
 * look nothing up.
 */
function pingAgain(dht: SingleKadDHT, { connectionManager }: OnlyServersComponents): void {
  const { kb } = dht.routingTable as unknown as { kb: Bucket }
  const verify = kb.verify.bind(kb)
  kb.verify = async (contact, options) => {
    if (await verify(contact, options)) return true
    const connected = connectionManager
      .getConnections(contact.peerId)
      .some((connection) => connection.status === 'open')
    return connected && (await verify(contact, options))
  }
}

function isRelayed(address: Multiaddr): boolean {
  return String(address).includes('/p2p-circuit')
}
