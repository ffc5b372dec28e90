import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { CircuitRelayService } from '@libp2p/circuit-relay-v2'
import { identify, identifyPush, type Identify, type IdentifyPush } from '@libp2p/identify'
import type { PeerDiscovery, ServiceMap } from '@libp2p/interface'
import { kadDHT, passthroughMapper, type KadDHTComponents, type SingleKadDHT } from '@libp2p/kad-dht'
import { mdns, type MulticastDNSComponents } from '@libp2p/mdns'
import { ping, type Ping } from '@libp2p/ping'
import { uPnPNAT } from '@libp2p/upnp-nat'
import type { Libp2pOptions } from 'libp2p'
import { KAD_PROTOCOL } from '../protocols/index.ts'
import type { DialPolicy } from './addresses/index.ts'
import { outerAddress } from './discovery/index.ts'
import type { Libp2pInit } from './libp2p.ts'
import { gate, type Gate } from './membership/index.ts'
import {
  boundAnswers,
  boundRecords,
  dialBack,
  dials,
  onlyServers,
  skipUnreachable,
  type DialBack,
  type Dials
} from './patches/index.ts'
import { doors, type Doors } from './reach/index.ts'
import { DEFAULT_RELAY_LIMITS } from './relay/defaults.ts'
import { RelayUsage, limitedRelay } from './relay/limits.ts'
import { witness } from './relay/witness.ts'

/** Streams at once from one peer through a relay: 32 by default, one for each contributor asked. */
export const MAX_HOP_STREAMS = 4096

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
  relayUsage?: RelayUsage
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

type ServiceFactories = NonNullable<Libp2pOptions<LobstahServices>['services']>

/** The services of a node, by its settings. */
export function services(init: Libp2pInit, policy: DialPolicy): ServiceFactories {
  return {
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
    ...(init.relay === true ? relaying(init) : {}),
    autonat: dialBack(),
    ...(init.relay === true && !init.announce?.length ? { outerAddress: outerAddress() } : {}),
    ...(init.mdns === true ? { mdns: localSearch(init.mdnsPort) } : {}),
    ...(init.upnp === true ? { upnp: uPnPNAT() } : {}),
    listener: (components: { transportManager: Transports }): Listener => ({
      listen: (address) => components.transportManager.listen([multiaddr(address)])
    })
  }
}

/** The services that only a relay has. */
function relaying({
  relayLimits: limits = DEFAULT_RELAY_LIMITS,
  reservationTtlMs
}: Libp2pInit): Pick<ServiceFactories, 'relay' | 'relayUsage' | 'witness'> {
  const usage = new RelayUsage(limits)
  const reservations = {
    maxReservations: limits.reservations,
    reservationTtl: reservationTtlMs ?? RESERVATION_TTL_MS,
    applyDefaultLimit: false
  }
  const streams = { maxInboundHopStreams: MAX_HOP_STREAMS, maxOutboundStopStreams: MAX_HOP_STREAMS }
  return {
    relay: limitedRelay(limits, { ...streams, reservations }, usage),
    relayUsage: () => usage,
    witness: witness(usage)
  }
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
