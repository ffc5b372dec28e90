import type { Libp2p, Peer, PeerId } from '@libp2p/interface'
import QuickLRU from 'quick-lru'
import { requireMembers } from './members.ts'

/** Peers whose entries are remembered. */
const MAX_REMEMBERED = 4096

/** How long an entry in use is left as it is, in milliseconds: libp2p forgets a peer, connected or not, after 6 h. */
const REFRESH_MS = 3_600_000

/**
 * Keeps streams out of the peer store. For every stream that is opened or taken, libp2p merges its protocol into the
 * peer's entry, under a lock and by decoding all of it, and the stream waits: 0.4 ms at each end. And it is wrong to:
 * who opens a stream need not serve its protocol, as a DHT client does not. identify reports the protocols that a peer serves.
 */
export function keepStreamsOut(libp2p: Libp2p): void {
  requireMembers('libp2p', libp2p, ['peerStore.merge()', 'peerStore.get()', 'peerStore.delete()'])
  const { peerStore, peerId: self } = libp2p
  const remembered = new QuickLRU<string, { entry: Peer; refreshedAt: number }>({ maxSize: MAX_REMEMBERED })
  const forget = (peer: PeerId): void => void remembered.delete(peer.toString())
  libp2p.addEventListener('peer:update', ({ detail }) => forget(detail.peer.id))
  const merge = peerStore.merge.bind(peerStore)
  const get = peerStore.get.bind(peerStore)
  const remove = peerStore.delete.bind(peerStore)

  peerStore.merge = async (peer, data, options) => {
    const { protocols, ...rest } = data
    if (protocols === undefined || Object.keys(rest).length > 0 || peer.equals(self))
      return await merge(peer, data, options)
    const id = peer.toString()
    let known = remembered.get(id)
    // By the clock that libp2p forgets by.
    if (known === undefined || Math.abs(Date.now() - known.refreshedAt) > REFRESH_MS)
      known = { entry: await merge(peer, {}, options), refreshedAt: Date.now() }
    remembered.set(id, known)
    return known.entry
  }
  peerStore.get = async (peer, options) => {
    try {
      return await get(peer, options)
    } catch (err) {
      const unknown = err instanceof Error && err.name === 'NotFoundError'
      if (!unknown || libp2p.getConnections(peer).length === 0) throw err
      // A peer may connect and say nothing: libp2p's identify push would end at it, and tell nobody after it.
      return await merge(peer, {}, options)
    }
  }
  peerStore.delete = async (peer, options) => {
    forget(peer)
    await remove(peer, options)
  }
}
