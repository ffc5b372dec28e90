import type { Connection, Libp2p } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { askSeen, type Candidate, type Endpoint, type PunchAnswer } from '../../protocols/index.ts'
import { addressKind, type DialPolicy } from '../addresses/index.ts'
import type { Ends } from './gather.ts'
import { isRelayed } from './path.ts'

/** Where a peer says that it can be reached. */
type Told = Pick<PunchAnswer, keyof Ends>

/** At which addresses the relay of a circuit sees the peer at its other end; none where it does not tell. */
export async function seenByRelay(
  libp2p: Pick<Libp2p, 'getConnections'>,
  circuit: Connection,
  signal: AbortSignal
): Promise<ReadonlySet<string>> {
  const relay = /\/p2p\/([^/]+)\/p2p-circuit/.exec(circuit.remoteAddr.toString())?.[1]
  if (relay === undefined) return new Set()
  const direct = libp2p
    .getConnections(peerIdFromString(relay))
    .findLast((connection) => connection.status === 'open' && !isRelayed(connection))
  if (direct === undefined) return new Set()
  return new Set(await askSeen(direct, circuit.remotePeer.toString(), { signal }).catch(() => []))
}

/**
 * The addresses a peer sent that may be tried: those its relay has seen and the dial policy permits. Local
 * addresses are left for those alone whose private addresses are dialled.
 */
export function vouchedFor(told: Told, peer: string, seen: ReadonlySet<string>, policy: DialPolicy): Told {
  const permits = ({ address }: Candidate): boolean => policy.permits(address, peer, true)
  const endpoint = (end: Endpoint | undefined): Endpoint | undefined => {
    const observed =
      end?.observed.filter((candidate) => seen.has(candidate.address) && permits(candidate)) ?? []
    return end === undefined || observed.length === 0
      ? undefined
      : { ...end, observed, local: end.local.filter(permits) }
  }
  const socket6 = (candidate: Candidate | undefined): Candidate | undefined =>
    candidate !== undefined && addressKind(candidate.address) === 'public' && permits(candidate)
      ? candidate
      : undefined
  return {
    udp: endpoint(told.udp),
    tcp: endpoint(told.tcp),
    udp6: socket6(told.udp6),
    tcp6: socket6(told.tcp6)
  }
}
