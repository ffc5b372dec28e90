import { createLibp2p, type Libp2p } from 'libp2p'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { circuitRelayServer, circuitRelayTransport, type CircuitRelayService } from '@libp2p/circuit-relay-v2'
import { identify, identifyPush, type Identify, type IdentifyPush } from '@libp2p/identify'
import { FaultTolerance, type PrivateKey, type ServiceMap } from '@libp2p/interface'
import { kadDHT, passthroughMapper, type KadDHTComponents, type SingleKadDHT } from '@libp2p/kad-dht'
import { ping, type Ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import type { Datastore } from 'interface-datastore'
import { KAD_PROTOCOL } from '../protocols/index.ts'

/** Streams at once from one peer through a relay: 32 by default, one for each contributor asked. */
const MAX_HOP_STREAMS = 4096

/** Reservations that a relay holds at once. */
const MAX_RESERVATIONS = 4096

/**
 * Lifetime of a reservation, in milliseconds: 20 days, under the 2³¹ ms of a timer. With a short one,
 * retimeable-signal 1.0.1 ends it at the first refresh's time although it was refreshed.
 */
const RESERVATION_TTL_MS = 20 * 24 * 3600 * 1000

/** How long a provider record holds, in milliseconds. */
const PROVIDER_VALIDITY_MS = 600_000

export interface LobstahServices extends ServiceMap {
  dht: SingleKadDHT
  identify: Identify
  identifyPush: IdentifyPush
  ping: Ping
  relay?: CircuitRelayService
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
  /** Keeps addresses and the DHT over a restart. @default in memory */
  datastore?: Datastore
}

/** Builds the libp2p node, not yet started. Its limits are argued in `docs/architecture.md`. */
export async function createLobstahLibp2p(init: Libp2pInit): Promise<LobstahLibp2p> {
  const node = await createLibp2p<LobstahServices>({
    start: false,
    privateKey: init.privateKey,
    ...(init.datastore === undefined ? {} : { datastore: init.datastore }),
    addresses: { listen: init.listen ?? [], announce: init.announce ?? [] },
    transports: [tcp(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: 1 << 20 }, maxEarlyStreams: 1000 })],
    connectionGater: { denyDialMultiaddr: () => false },
    connectionManager: {
      maxConnections: 2000,
      maxIncomingPendingConnections: 500,
      inboundConnectionThreshold: 100,
      inboundUpgradeTimeout: 5000
    },
    connectionMonitor: { pingInterval: 10_000 },
    transportManager: { faultTolerance: FaultTolerance.FATAL_ALL },
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      ping: ping(),
      dht: kadDHT({
        protocol: KAD_PROTOCOL,
        clientMode: init.relay !== true,
        peerInfoMapper: passthroughMapper,
        initialQuerySelfInterval: 50,
        reprovide: { interval: 60_000, validity: PROVIDER_VALIDITY_MS, threshold: 480_000 }
      }) as (components: KadDHTComponents) => SingleKadDHT,
      ...(init.relay === true
        ? {
            relay: circuitRelayServer({
              maxInboundHopStreams: MAX_HOP_STREAMS,
              maxOutboundStopStreams: MAX_HOP_STREAMS,
              reservations: {
                maxReservations: MAX_RESERVATIONS,
                reservationTtl: RESERVATION_TTL_MS,
                applyDefaultLimit: false
              }
            })
          }
        : {})
    }
  })
  freeReservations(node)
  return node
}

/** A relay's places are not freed by libp2p when their holders leave. */
function freeReservations(node: LobstahLibp2p): void {
  node.addEventListener('peer:disconnect', (event) => {
    node.services.relay?.reservations.delete(event.detail)
  })
}
