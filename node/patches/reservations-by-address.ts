import type { CircuitRelayService } from '@libp2p/circuit-relay-v2'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { networkOf } from '../addresses/index.ts'
import { requireMembers } from './members.ts'

/** A relay's places are divided among so many addresses at least; with few places, each may have sixteen. */
const ADDRESSES = 16
const MIN_PER_ADDRESS = 16

/** How many times as many places a whole IPv4 /24 may have. */
const PER_SUBNET = 4

/** The part of the service that assigns places; not in its public type. */
interface Store {
  reserve(peer: PeerId, address: Multiaddr, ...rest: unknown[]): { status: string }
}

/**
 * Gives each address, IPv6 /64 and IPv4 /24 a part of a relay's places: one host's many keys do not take all.
 * `onRefused` hears of every refused reservation.
 */
export function boundByAddress(
  relay: CircuitRelayService,
  places: number,
  onRefused: (peer: string) => void = () => undefined
): void {
  requireMembers('@libp2p/circuit-relay-v2', relay, ['reservations', 'reservationStore.reserve()'])
  const { reservations } = relay
  const { reservationStore: store } = relay as CircuitRelayService & { reservationStore: Store }
  const reserve = store.reserve.bind(store)
  const most = Math.max(MIN_PER_ADDRESS, Math.floor(places / ADDRESSES))
  store.reserve = (peer, address, ...rest) => {
    const { host, subnet } = networkOf(address)
    if (reservations.get(peer) === undefined) {
      const held = [...reservations.values()].map(({ addr }) => networkOf(addr))
      const ofHost = held.filter((other) => other.host === host).length
      const ofSubnet = held.filter((other) => other.subnet === subnet).length
      if (ofHost >= most || ofSubnet >= most * PER_SUBNET) {
        onRefused(peer.toString())
        return { status: 'RESERVATION_REFUSED' }
      }
    }
    const reserved = reserve(peer, address, ...rest)
    if (reserved.status !== 'OK') onRefused(peer.toString())
    return reserved
  }
}
