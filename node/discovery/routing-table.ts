import type { PeerId, PeerInfo, TypedEventTarget } from '@libp2p/interface'
import type { KadDHTComponents, SingleKadDHT } from '@libp2p/kad-dht'
import type { Multiaddr } from '@multiformats/multiaddr'
import { KAD_PROTOCOL } from '../../protocols/index.ts'

/** What kad-dht's table tells of itself, though its public type does not. */
type TableEvents = TypedEventTarget<{ 'peer:add': CustomEvent<PeerId> }>

/** Calls back whenever the DHT comes to know another server; returns how to stop it. */
export function onServerFound(dht: SingleKadDHT, listener: () => void): () => void {
  const table = dht.routingTable as unknown as TableEvents
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
 * Lets only those into the DHT's table who say themselves that they are servers. kad-dht lets in whoever answers a
 * ping: with each look-up it would connect to every provider found, and then send its queries to DHT clients. Who is
 * said to be a server is asked, but for those behind relays, who are none.
 */
export function onlyServers(
  dht: SingleKadDHT,
  {
    peerId,
    peerStore,
    connectionManager
  }: Pick<KadDHTComponents, 'peerId' | 'peerStore' | 'connectionManager'>
): SingleKadDHT {
  const filler = dht as unknown as TableFiller
  const take = filler.onPeerConnect.bind(dht)
  filler.onPeerConnect = async (peer) => {
    if (peer.id.equals(peerId)) return
    const known = await peerStore.merge(peer.id, { multiaddrs: peer.multiaddrs })
    if (known.protocols.includes(KAD_PROTOCOL)) await take(peer)
    // Connected, it says what it speaks, and comes here again if that is the DHT.
    else if (known.protocols.length === 0 && !peer.multiaddrs.some(isRelayed)) {
      // By its addresses: by its name alone, libp2p would ask the DHT for them.
      const addresses = known.addresses.map(({ multiaddr }) =>
        multiaddr.encapsulate(`/p2p/${peer.id.toString()}`)
      )
      await connectionManager.openConnection(addresses, { signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) })
    }
  }
  return dht
}

function isRelayed(address: Multiaddr): boolean {
  return String(address).includes('/p2p-circuit')
}
