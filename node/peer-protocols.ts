import type { Libp2p, Peer, PeerId } from '@libp2p/interface'

/** Peers whose entries are remembered. */
const MAX_REMEMBERED = 4096

/**
 * Lets the peer store pass over what it knows. For every stream that is opened or taken, libp2p merges its protocol
 * into the peer's entry, under a lock and by decoding all of it, and the stream waits: 0.4 ms at each end.
 */
export function rememberProtocols(libp2p: Libp2p): void {
  const { peerStore, peerId: self } = libp2p
  /** The latest used is the last. */
  const remembered = new Map<string, Peer>()
  const forget = (peer: PeerId): void => void remembered.delete(peer.toString())
  libp2p.addEventListener('peer:update', ({ detail }) => forget(detail.peer.id))
  const [merge, remove] = [peerStore.merge.bind(peerStore), peerStore.delete.bind(peerStore)]

  peerStore.merge = async (peer, data, options) => {
    const { protocols, ...rest } = data
    if (protocols === undefined || Object.keys(rest).length > 0 || peer.equals(self))
      return await merge(peer, data, options)
    const id = peer.toString()
    const known = remembered.get(id)
    const entry =
      known !== undefined && protocols.every((protocol) => known.protocols.includes(protocol))
        ? known
        : await merge(peer, data, options)
    remembered.delete(id)
    remembered.set(id, entry)
    const [oldest] = remembered.keys()
    if (remembered.size > MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest)
    return entry
  }
  peerStore.delete = async (peer, options) => {
    forget(peer)
    await remove(peer, options)
  }
}
