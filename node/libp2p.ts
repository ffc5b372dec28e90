import { createLibp2p, dnsaddrResolver, type Libp2p, type Libp2pOptions } from 'libp2p'
import { circuitRelayTransport, type CircuitRelayService } from '@libp2p/circuit-relay-v2'
import { identify, identifyPush, type Identify, type IdentifyPush } from '@libp2p/identify'
import {
  FaultTolerance,
  type ConnectionGater,
  type MultiaddrConnection,
  type PeerDiscovery,
  type PeerId,
  type PrivateKey,
  type ServiceMap
} from '@libp2p/interface'
import { kadDHT, passthroughMapper, type KadDHTComponents, type SingleKadDHT } from '@libp2p/kad-dht'
import { mdns, type MulticastDNSComponents } from '@libp2p/mdns'
import { ping, type Ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { uPnPNAT } from '@libp2p/upnp-nat'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { Datastore } from 'interface-datastore'
import { CHAT_PROTOCOL, KAD_PROTOCOL } from '../protocols/index.ts'
import { DialPolicy, InboundPlaces, isPrivateAddress, leadsThere } from './addresses/index.ts'
import { closeLost, doors, type Doors } from './reach/index.ts'
import { outerAddress } from './discovery/index.ts'
import {
  boundAnswers,
  boundRecords,
  compactNoise,
  dialBack,
  dials,
  freeReservation,
  keepStreamsOut,
  muxer,
  onlyServers,
  pinnedWebSockets,
  skipUnreachable,
  vouchForDials,
  warnOfMismatches,
  type DialBack,
  type Dials
} from './patches/index.ts'
import { KeyRing, gate, type Authority, type Gate } from './membership/index.ts'
import { DEFAULT_RELAY_LIMITS, RelayUsage, limitedRelay, type RelayLimits } from './relay/limits.ts'
import { witness } from './relay/witness.ts'

/** Streams at once from one peer through a relay: 32 by default, one for each contributor asked. */
const MAX_HOP_STREAMS = 4096

/** Connections of one peer: by each transport, over a few relays, and some that are about to close. */
const MAX_CONNECTIONS_PER_PEER = 32

/** Lifetime of a reservation, in milliseconds: 20 days, under the 2³¹ ms of a timer. A peer that leaves frees its place at once. */
const RESERVATION_TTL_MS = 20 * 24 * 3600 * 1000

/** How long a provider record holds, in milliseconds. */
const PROVIDER_VALIDITY_MS = 600_000

export interface LobstahServices extends ServiceMap {
  autonat: DialBack
  dials: Dials
  /** At whose word addresses are dialled. */
  policy: DialPolicy
  dht: SingleKadDHT
  gate?: Gate
  doors: Doors
  identify: Identify
  identifyPush: IdentifyPush
  ping: Ping
  relay?: CircuitRelayService
  listener: Listener
  mdns?: PeerDiscovery
}

/** The part of libp2p's own components that is needed. */
interface Transports {
  listen(addresses: Multiaddr[]): Promise<void>
}

/** Takes up more addresses while the node runs. */
export interface Listener {
  listen(address: string): Promise<void>
}

/** A libp2p node with the services of the mesh. */
export type LobstahLibp2p = Libp2p<LobstahServices>

export interface Libp2pInit {
  privateKey: PrivateKey
  /** Multiaddrs to listen on; `/p2p-circuit` reserves a place on a relay. */
  listen?: string[]
  /** Multiaddrs to tell others instead of the ones listened on. */
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
export async function createLobstahLibp2p(init: Libp2pInit): Promise<LobstahLibp2p> {
  warnOfMismatches()
  const limits = init.relayLimits ?? DEFAULT_RELAY_LIMITS
  const usage = new RelayUsage(limits)
  const policy = new DialPolicy({ ...init, privateMesh: init.meshKeys !== undefined })
  policy.trust(relaysOf(init.listen ?? []))
  const places = new InboundPlaces()
  const quic = init.meshKeys === undefined ? init.quic : undefined
  const listen = (init.listen ?? []).filter((address) => quic !== undefined || !address.includes('/quic'))
  const node: LobstahLibp2p = await createLibp2p<LobstahServices>({
    start: false,
    privateKey: init.privateKey,
    ...(init.datastore === undefined ? {} : { datastore: init.datastore }),
    addresses: { listen, announce: init.announce ?? [] },
    // Private addresses of other networks are not even kept; in an isolated network they may be routable.
    ...(init.lanOnly === true
      ? {}
      : { peerStore: { addressFilter: (_: PeerId, address: Multiaddr) => leadsThere(address) } }),
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
    connectionGater: gater(init.lanOnly === true, places, (peer) => node.getConnections(peer).length),
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
    transportManager: { faultTolerance: FaultTolerance.FATAL_ALL },
    services: {
      policy: () => policy,
      dials: dials({ policy, failedDialMs: init.failedDialMs }),
      // Before all others, whose handlers it guards.
      ...(init.authority === undefined ? {} : { gate: gate(init.authority) }),
      identify: identify(),
      identifyPush: identifyPush(),
      // The DHT pings peers beside the connection monitor; one stream for both would fail healthy connections.
      ping: ping({ maxInboundStreams: 32, maxOutboundStreams: 32 }),
      doors: doors(),
      dht: dht(init.relay === true),
      ...(init.relay === true
        ? {
            relay: limitedRelay(
              limits,
              {
                maxInboundHopStreams: MAX_HOP_STREAMS,
                maxOutboundStopStreams: MAX_HOP_STREAMS,
                reservations: {
                  maxReservations: limits.reservations,
                  reservationTtl: init.reservationTtlMs ?? RESERVATION_TTL_MS,
                  applyDefaultLimit: false
                }
              },
              usage
            ),
            witness: witness(usage)
          }
        : {}),
      autonat: dialBack(),
      ...(init.relay === true && !init.announce?.length ? { outerAddress: outerAddress() } : {}),
      ...(init.mdns === true ? { mdns: localSearch(init.mdnsPort) } : {}),
      ...(init.upnp === true ? { upnp: uPnPNAT() } : {}),
      listener: (components: { transportManager: Transports }): Listener => ({
        listen: (address) => components.transportManager.listen([multiaddr(address)])
      })
    }
  })
  vouchForDials(node, policy)
  freeReservations(node)
  countPlaces(node, places)
  closeLost(node)
  keepStreamsOut(node)
  return node
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

function dht(server: boolean): (components: KadDHTComponents) => SingleKadDHT {
  const create = kadDHT({
    protocol: KAD_PROTOCOL,
    clientMode: !server,
    peerInfoMapper: passthroughMapper,
    initialQuerySelfInterval: 50,
    reprovide: { interval: 60_000, validity: PROVIDER_VALIDITY_MS, threshold: 480_000 }
  }) as (components: KadDHTComponents) => SingleKadDHT
  return (components) => {
    const made = boundAnswers(boundRecords(create(components)))
    return skipUnreachable(onlyServers(made, components), components)
  }
}

function localSearch(port = 5353): (components: MulticastDNSComponents) => PeerDiscovery {
  return mdns({ serviceTag: '_lobstah._udp.local', port })
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
