import type { LobstahLibp2p } from '../../libp2p.ts'
import type { Lobstah } from '../../lobstah.ts'
import { packageVersion } from '../../version.ts'
import type { MeshConfig } from '../mesh-config.ts'
import type { NodeReport, RelayReport } from './node-report.ts'

/** Peers that a relay's report lists. */
const LISTED_PEERS = 32

type Common = Pick<
  NodeReport,
  'version' | 'pid' | 'startedAt' | 'peer' | 'mesh' | 'private' | 'addresses' | 'connected'
>

/** The facts that nodes and relays share. */
function common(libp2p: LobstahLibp2p, { membership }: MeshConfig): Common {
  return {
    version: packageVersion(),
    pid: process.pid,
    startedAt: Math.round(Date.now() - process.uptime() * 1000),
    peer: libp2p.peerId.toString(),
    mesh: membership?.name ?? null,
    private: membership?.key !== undefined,
    addresses: libp2p.getMultiaddrs().map(String),
    connected: libp2p.getPeers().length
  }
}

/** The use of the relay that a libp2p node runs; null where it runs none. */
function relayReport({ services }: LobstahLibp2p, config: MeshConfig): RelayReport | null {
  const { relay, relayUsage: usage } = services
  if (relay === undefined || usage === undefined) return null
  const { bytes, circuits, refusedCircuits, refusedReservations } = usage.tally.totals
  return {
    reservations: relay.reservations.size,
    maxReservations: config.relayLimits.reservations,
    circuits: usage.circuits,
    circuitsOpened: circuits,
    bytes,
    refusedReservations,
    refusedCircuits,
    peers: usage.tally
      .peers()
      .slice(0, LISTED_PEERS)
      .map((each) => ({ ...each, streams: usage.streamsOf(each.peer) }))
  }
}

/** The report of a relay that has neither gateway nor ledger. */
export function reportRelay(libp2p: LobstahLibp2p, config: MeshConfig, stopping: boolean): NodeReport {
  return {
    ...common(libp2p, config),
    kind: 'relay',
    stopping,
    gateway: null,
    contributors: 0,
    engine: null,
    serving: null,
    credits: null,
    relay: relayReport(libp2p, config)
  }
}

/** The report of a node. */
export async function reportNode(
  lobstah: Lobstah,
  config: MeshConfig,
  rest: { gateway: string | null; engine: string | null; stopping: boolean }
): Promise<NodeReport> {
  const capacity = config.contribute ? lobstah.contributor?.capacity() : undefined
  const { earned, spent, net } = await lobstah.ledger.balance()
  return {
    ...common(lobstah.libp2p, config),
    kind: 'node',
    ...rest,
    contributors: lobstah.directory.contributors().length,
    serving:
      capacity === undefined
        ? null
        : { ...capacity, access: config.serveAccess, models: capacity.models.map(({ id }) => id) },
    credits: { earned, spent, net },
    relay: relayReport(lobstah.libp2p, config)
  }
}
