import type { PeerId, TypedEventTarget } from '@libp2p/interface'
import type { SingleKadDHT } from '@libp2p/kad-dht'

/** What kad-dht's table tells of itself, though its public type does not. */
type TableEvents = TypedEventTarget<{ 'peer:add': CustomEvent<PeerId> }>

/** Calls back whenever the DHT comes to know another server; returns how to stop it. */
export function onServerFound(dht: SingleKadDHT, listener: () => void): () => void {
  const table = dht.routingTable as unknown as TableEvents
  table.addEventListener('peer:add', listener)
  return () => table.removeEventListener('peer:add', listener)
}
