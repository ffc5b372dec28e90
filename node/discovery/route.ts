import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import type { Route } from '../../protocols/index.ts'

/** How a connection goes. */
export function routeOf(connection: Connection): Route {
  return connection.remoteAddr.toString().includes('/p2p-circuit') ? 'relayed' : 'direct'
}

/** The best open connection to a peer: direct before relayed, newest first. */
export function bestConnection(libp2p: Libp2p, peer: PeerId): Connection | undefined {
  const open = libp2p.getConnections(peer).filter((connection) => connection.status === 'open')
  return open.findLast((connection) => routeOf(connection) === 'direct') ?? open.at(-1)
}

/** Calls back when a relayed connection's peer gets a direct one; returns how to stop it. */
export function onBetterConnection(libp2p: Libp2p, than: Connection, listener: () => void): () => void {
  const onOpen = ({ detail }: CustomEvent<Connection>): void => {
    if (detail.remotePeer.equals(than.remotePeer) && routeOf(detail) === 'direct') listener()
  }
  if (routeOf(than) === 'relayed') {
    libp2p.addEventListener('connection:open', onOpen)
    const best = bestConnection(libp2p, than.remotePeer)
    if (best !== undefined && routeOf(best) === 'direct') listener()
  }
  return () => libp2p.removeEventListener('connection:open', onOpen)
}
