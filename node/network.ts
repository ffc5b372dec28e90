import { defaultLogger } from '@libp2p/logger'
import type { ComponentLogger, Logger, Startable } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { BootstrapKeeper, LocalPeers, ModeKeeper, RelayKeeper } from './discovery/index.ts'
import { explainListen } from './errors.ts'
import { createLobstahLibp2p, type Libp2pInit, type LobstahLibp2p } from './libp2p.ts'
import { Reach, StunServer, stunPortFor } from './reach/index.ts'
import { RELAY_LISTEN } from './relay/listening.ts'
import type { RendezvousInit, RendezvousRole } from './rendezvous/index.ts'
import { undoAll } from './undo.ts'

export interface NetworkInit extends Libp2pInit {
  /** Whether the node serves the mesh, and wants to be reached for it. @default false */
  contribute?: boolean
  /** Multiaddrs of peers to join by, each ended by `/p2p/<peer id>`. @default none: nobody is contacted */
  bootstrap?: string[]
  /** @default none for a consumer, `/p2p-circuit` and a free port for a contributor, {@link RELAY_LISTEN} for a relay */
  listen?: string[]
  /** UDP and TCP port of a relay's STUN server; it takes the next UDP port too. @default the one after all that it listens on */
  stunPort?: number
  /** Whether direct connections are made behind relayed ones. @default true */
  punch?: boolean
  /** Peers that direct connections are made to. @default every peer */
  reaches?: (peer: string) => boolean
  /** Where peers find each other without an address, and what this node does there. @default nowhere */
  rendezvous?: RendezvousInit
  /** The models to announce there; undefined while there is nothing to announce. @default none */
  announcedModels?: RendezvousRole['models']
  /** Whether a peer that was found there is worth meeting; relays always are. @default nobody is */
  meets?: RendezvousRole['wants']
  logger?: ComponentLogger
  /** Milliseconds since 1970. */
  now?: () => number
}

/** A node's part of the network: its libp2p, and what keeps it joined and reachable. A relay is this and no more. */
export interface Network extends Startable {
  readonly libp2p: LobstahLibp2p
  /** On whom others can reach this node where they cannot reach it directly. */
  readonly relays: RelayKeeper
  readonly reach: Reach
  /** Where a relay's STUN server listens, while it runs. */
  stunPorts(): ReturnType<StunServer['ports']>
  /** Throws ListenError; nothing listens any more then. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** The addresses a node listens on by default, by its role. */
export function defaultListen({ relay, contribute }: Pick<NetworkInit, 'relay' | 'contribute'>): string[] {
  if (relay === true) return RELAY_LISTEN
  return contribute === true ? ['/ip4/0.0.0.0/tcp/0', '/p2p-circuit'] : []
}

/** A node that only relays: circuits for others, a DHT server, and dial-backs by AutoNAT v2. */
export async function createRelay(init: Omit<NetworkInit, 'relay' | 'contribute'>): Promise<Network> {
  return await createNetwork({ ...init, relay: true, punch: false })
}

/** Puts a node's part of the network together; nothing runs before `start`. */
export async function createNetwork(init: NetworkInit): Promise<Network> {
  const { bootstrap = [], now = Date.now, logger = defaultLogger() } = init
  const log = (scope: string): ReturnType<ComponentLogger['forComponent']> =>
    logger.forComponent(`lobstah:${scope}`)
  const listen = init.listen ?? defaultListen(init)
  const libp2p = await createLobstahLibp2p({ ...init, listen })
  const { doors, mdns } = libp2p.services
  const relays = new RelayKeeper({ listen }, { libp2p, log: log('relays') })
  const reach = new Reach(init.reaches === undefined ? {} : { allows: init.reaches }, {
    libp2p,
    doors,
    log: log('reach'),
    now
  })
  const stun = new StunServer(
    { port: init.stunPort ?? stunPortFor(listen) },
    { libp2p, log: log('stun'), now }
  )
  const parts: Startable[] = [
    relays,
    ...(mdns === undefined ? [] : [new LocalPeers({ libp2p, search: mdns, log: log('mdns') })]),
    libp2p,
    init.relay === true ? stun : new ModeKeeper({ libp2p, log: log('dht') }),
    // Its sockets are its own: the gater, which keeps dials on the local network, does not see them.
    ...(init.lanOnly === true || init.punch === false ? [] : [reach]),
    new BootstrapKeeper({ peers: others(bootstrap, libp2p) }, { libp2p, log: log('bootstrap') }),
    ...(await rendezvousOf(init, libp2p, log('rendezvous'), now))
  ]
  const stop = (): Promise<void> => undoAll(parts.map((part) => () => part.stop()))
  const start = async (): Promise<void> => {
    try {
      for (const part of parts) await part.start()
    } catch (err) {
      // The sockets that listen already would keep the process alive.
      await stop()
      throw explainListen(err)
    }
  }
  return { libp2p, relays, reach, stunPorts: () => stun.ports(), start, stop }
}

/** Announces the node and finds others; its libraries are loaded only where they are needed. */
async function rendezvousOf(
  init: NetworkInit,
  libp2p: LobstahLibp2p,
  log: Logger,
  now: () => number
): Promise<Startable[]> {
  if (init.rendezvous === undefined) return []
  const { rendezvous } = await import('./rendezvous/index.ts')
  const { privateKey, meshKeys = () => [], announcedModels = () => [], meets = () => false } = init
  const role = { relay: init.relay === true, models: announcedModels, wants: meets }
  return rendezvous(init.rendezvous, role, { libp2p, privateKey, meshKeys, log, now })
}

/** The peers to join by; a mesh's first node may find itself among them. */
function others(bootstrap: readonly string[], { peerId }: LobstahLibp2p): Multiaddr[] {
  const own = `/p2p/${peerId.toString()}`
  return bootstrap.filter((text) => !text.endsWith(own)).map((text) => multiaddr(text))
}
