import { createLibp2p, dnsaddrResolver, type Libp2p, type Libp2pOptions } from 'libp2p'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import {
  FaultTolerance,
  type ConnectionGater,
  type MultiaddrConnection,
  type PeerId,
  type PrivateKey
} from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { Datastore } from 'interface-datastore'
import { CHAT_PROTOCOL } from '../protocols/index.ts'
import { DialPolicy, InboundPlaces, isPrivateAddress, leadsThere } from './addresses/index.ts'
import { MAX_HOP_STREAMS, services, type LobstahServices } from './libp2p-services.ts'
import { KeyRing, type Authority } from './membership/index.ts'
import {
  compactNoise,
  freeReservation,
  keepStreamsOut,
  muxer,
  pinnedWebSockets,
  vouchForDials,
  warnOfMismatches
} from './patches/index.ts'
import { closeLost } from './reach/index.ts'
import type { RelayLimits } from './relay/defaults.ts'
import { publicAddresses } from './relay/listening.ts'

export type { LobstahServices } from './libp2p-services.ts'

/** Connections of one peer: by each transport, over a few relays, and some that are about to close. */
const MAX_CONNECTIONS_PER_PEER = 32

/** A libp2p node with the services of the mesh. */
export type LobstahLibp2p = Libp2p<LobstahServices>

export interface Libp2pInit {
  privateKey: PrivateKey
  /** Multiaddrs to listen on; `/p2p-circuit` reserves a place on a relay. */
  listen?: string[]
  /** Multiaddrs to tell others instead of the ones listened on. @default a relay's are at this machine's public addresses */
  announce?: string[]
  /** Whether others may be relayed; makes the node a DHT server too. */
  relay?: boolean
  /** Limits of a relay, per peer. */
  relayLimits?: RelayLimits
  /** Lifetime of the relay's reservations, in milliseconds. @default 20 days */
  reservationTtlMs?: number
  /** Keys of a private mesh, 32 bytes each, the latest first: peers without one of them cannot connect. */
  meshKeys?: () => readonly Uint8Array[]
  /** The membership authority, in a mesh that has an owner; peers that are not members can do nothing. */
  authority?: Authority
  /** Finds peers on the local network, and is found. @default false */
  mdns?: boolean
  /** Port of the local network's search, for tests. @default 5353 */
  mdnsPort?: number
  /** Neither dials nor accepts anybody outside private ranges. @default false */
  lanOnly?: boolean
  /** Whether a peer is a friend: private addresses that it tells are dialled, on networks of this machine. @default nobody is */
  isFriend?: (peer: string) => boolean
  /** Whether this machine's own addresses are dialled at another peer's word: for tests and demonstrations. @default false */
  loopbackPeers?: boolean
  /** How long after its start a dial at another peer's word fails, in milliseconds. @default 5 s */
  failedDialMs?: number
  /** Asks the router to forward a port. @default false */
  upnp?: boolean
  /** libp2p's QUIC transport, where it could be loaded. A private mesh's key cannot be enforced on it. */
  quic?: QuicTransport
  /** Whether quiet connections are pinged, so that dead ones are noticed; hundreds of nodes in one process do little else. @default true */
  monitor?: boolean
  /** Keeps addresses and the DHT over a restart. @default in memory */
  datastore?: Datastore
}

/** A factory of libp2p's QUIC transport. */
export type QuicTransport = NonNullable<Libp2pOptions['transports']>[number]

/** libp2p's QUIC; undefined where its native part has no build for this machine. */
export async function loadQuic(): Promise<QuicTransport | undefined> {
  try {
    const { quic } = await import('@chainsafe/libp2p-quic')
    return quic()
  } catch {
    return undefined
  }
}

/** Builds the libp2p node, not yet started. Its limits are argued in `docs/architecture.md`. */
export async function createLobstahLibp2p(given: Libp2pInit): Promise<LobstahLibp2p> {
  warnOfMismatches()
  const init = { ...given, ...addressesOf(given) }
  const policy = new DialPolicy({ ...init, privateMesh: init.meshKeys !== undefined })
  policy.trust(relaysOf(init.listen))
  const places = new InboundPlaces()
  const node: LobstahLibp2p = await createLibp2p<LobstahServices>({
    start: false,
    privateKey: init.privateKey,
    ...(init.datastore === undefined ? {} : { datastore: init.datastore }),
    addresses: { listen: init.listen, announce: init.announce },
    // Private addresses of other networks are not even kept; in an isolated network they may be routable.
    ...(init.lanOnly === true
      ? {}
      : { peerStore: { addressFilter: (_: PeerId, address: Multiaddr) => leadsThere(address) } }),
    ...connections(init, policy),
    connectionGater: gater(init.lanOnly === true, places, (peer) => node.getConnections(peer).length),
    services: services(init, policy)
  })
  vouchForDials(node, policy)
  freeReservations(node)
  countPlaces(node, places)
  closeLost(node)
  keepStreamsOut(node)
  return node
}

/** A private mesh's key cannot be enforced on QUIC. */
function quicOf({ meshKeys, quic }: Libp2pInit): QuicTransport | undefined {
  return meshKeys === undefined ? quic : undefined
}

/** The addresses to listen on with the transports that there are, and those to tell others. */
function addressesOf(init: Libp2pInit): { listen: string[]; announce: string[] } {
  const given = init.listen ?? []
  const listen = given.filter((address) => quicOf(init) !== undefined || !address.includes('/quic'))
  if (init.announce?.length) return { listen, announce: init.announce }
  return { listen, announce: init.relay === true ? publicAddresses(listen) : [] }
}

/** How connections are made, secured, shared and watched. */
function connections(init: Libp2pInit, policy: DialPolicy): Libp2pOptions {
  const quic = quicOf(init)
  return {
    transports: [
      tcp(),
      pinnedWebSockets(),
      ...(quic === undefined ? [] : [quic]),
      circuitRelayTransport({
        // By default a relay that had no place is not asked again while it stays connected.
        discoveryFilter: { has: () => false, add: () => undefined, remove: () => undefined },
        maxInboundStopStreams: MAX_HOP_STREAMS,
        maxOutboundStopStreams: MAX_HOP_STREAMS
      })
    ],
    ...protection(init),
    connectionEncrypters: [compactNoise()],
    streamMuxers: [
      muxer({
        optimistic: [CHAT_PROTOCOL],
        streamOptions: { maxStreamWindowSize: 1 << 20 },
        maxEarlyStreams: 1000
      })
    ],
    connectionManager: {
      maxConnections: 2000,
      // More than one host alone can fill: 100 a second for 5 s.
      maxIncomingPendingConnections: 1000,
      inboundConnectionThreshold: 100,
      inboundUpgradeTimeout: 5000,
      // A /dnsaddr is looked up before anything is judged.
      resolvers: init.lanOnly === true ? {} : { dnsaddr: trustedOnly(policy) }
    },
    connectionMonitor: {
      enabled: init.monitor ?? true,
      pingInterval: 10_000,
      pingTimeout: { minTimeout: 10_000 }
    },
    transportManager: { faultTolerance: FaultTolerance.FATAL_ALL }
  }
}

function protection({ meshKeys }: Libp2pInit): Pick<Libp2pOptions, 'connectionProtector'> {
  return meshKeys === undefined ? {} : { connectionProtector: () => new KeyRing(meshKeys) }
}

/** A relay's places are not freed by libp2p when their holders leave. */
function freeReservations(node: LobstahLibp2p): void {
  node.addEventListener('peer:disconnect', (event) => {
    const { relay } = node.services
    if (relay !== undefined) freeReservation(relay, event.detail)
  })
}

/** The relays on which a node was told to listen. */
function relaysOf(listen: readonly string[]): Multiaddr[] {
  return listen
    .filter((address) => /.\/p2p-circuit$/.test(address))
    .map((address) => multiaddr(address.replace(/\/p2p-circuit$/, '')))
}

/** Looks up the lists of addresses that the user named, and no others. */
function trustedOnly(policy: DialPolicy): Pick<typeof dnsaddrResolver, 'canResolve' | 'resolve'> {
  return {
    canResolve: (address) => dnsaddrResolver.canResolve(address),
    resolve: async (address, options) => {
      if (!policy.isTrusted(address)) return []
      const found = await dnsaddrResolver.resolve(address, options)
      policy.trust(found)
      return found
    }
  }
}

/** Keeps the count of inbound connections by address. */
function countPlaces(node: LobstahLibp2p, places: InboundPlaces): void {
  node.addEventListener('connection:open', ({ detail }) => {
    if (detail.direction === 'inbound') places.opened(detail.remoteAddr)
  })
  node.addEventListener('connection:close', ({ detail }) => {
    if (detail.direction === 'inbound') places.closed(detail.remoteAddr)
  })
}

/**
 * Lets everybody in and out, or only the local network, within the places of each address and peer; `dials` judges the
 * rest. libp2p's own refuses private addresses.
 */
function gater(lanOnly: boolean, places: InboundPlaces, held: (peer: PeerId) => number): ConnectionGater {
  return {
    denyDialMultiaddr: (address: Multiaddr) => lanOnly && !isPrivateAddress(address),
    denyInboundConnection: ({ remoteAddr }: MultiaddrConnection) =>
      (lanOnly && !isPrivateAddress(remoteAddr)) || !places.admits(remoteAddr),
    denyInboundEncryptedConnection: (peer: PeerId) => held(peer) >= MAX_CONNECTIONS_PER_PEER
  }
}
