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
