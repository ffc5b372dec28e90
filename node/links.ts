import type { Connection, Libp2p } from '@libp2p/interface'
import type { Path } from './reach/index.ts'

/** A connection of this node's, as its owner sees it. */
export interface Link {
  peer: string
  path: Path
  /** Latest round trip, in milliseconds; absent before the first was measured. */
  rttMs?: number
  /** The relay that it goes through. */
  via?: string
  /** Whether the other end relays for others. */
  relay: boolean
  /** Whether this node holds a place there. */
  reserved: boolean
  direction: Connection['direction']
}

export interface LinksInit {
  libp2p: Pick<Libp2p, 'getConnections'>
  pathOf: (connection: Connection) => Path
  /** Relays on which this node holds a place. */
  held: () => string[]
  /** Whether a peer is known to relay. */
  isRelay: (peer: string) => boolean
}

/** The best connection to each peer: a direct one before a relayed one. */
export function linksOf({ libp2p, pathOf, held, isRelay }: LinksInit): Link[] {
  const reserved = new Set(held())
  const open = libp2p.getConnections().filter(({ status }) => status === 'open')
  const vias = new Set(open.map(relayOf).filter((via) => via !== undefined))
  const links = new Map<string, Link>()
  for (const connection of open) {
    const peer = connection.remotePeer.toString()
    const via = relayOf(connection)
    if (via !== undefined && links.has(peer)) continue
    links.set(peer, {
      peer,
      path: pathOf(connection),
      ...(connection.rtt === undefined ? {} : { rttMs: connection.rtt }),
      ...(via === undefined ? {} : { via }),
      relay: isRelay(peer) || vias.has(peer),
      reserved: reserved.has(peer),
      direction: connection.direction
    })
  }
  return [...links.values()]
}

/** The relay of a connection; undefined where it goes through none. */
function relayOf({ remoteAddr }: Connection): string | undefined {
  const parts = remoteAddr.getComponents()
  const circuit = parts.findIndex(({ name }) => name === 'p2p-circuit')
  return circuit === -1 ? undefined : parts.slice(0, circuit).findLast(({ name }) => name === 'p2p')?.value
}
