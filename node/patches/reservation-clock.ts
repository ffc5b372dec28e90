import type { CircuitRelayService, RelayReservation } from '@libp2p/circuit-relay-v2'
import type { PeerId } from '@libp2p/interface'
import { requireMembers } from './members.ts'

/** The part of the relay service that holds the clocks; not in its public type. */
interface Store {
  reserve(peer: PeerId, ...rest: unknown[]): unknown
  removeReservation(peer: PeerId): void
  clear(): void
}

/**
 * Gives the places on a relay clocks of our own. Those of retimeable-signal 1.0.1 end a place at the time of its
 * first renewal, and cannot be stopped: that of a peer that left ends the place it has after it came back, and each
 * renewal leaves one behind for the whole lifetime. `ttlMs` is in milliseconds, below 2³¹.
 */
export function useOwnClocks(relay: CircuitRelayService, ttlMs: number): void {
  requireMembers('@libp2p/circuit-relay-v2', relay, [
    'reservations',
    'reservationStore.reserve()',
    'reservationStore.removeReservation()',
    'reservationStore.clear()'
  ])
  const { reservationStore: store } = relay as CircuitRelayService & { reservationStore: Store }
  const { reservations } = relay
  const [reserve, clear] = [store.reserve.bind(store), store.clear.bind(store)]
  store.reserve = (peer, ...rest) => {
    const held = reservations.get(peer)
    const result = reserve(peer, ...rest)
    const given = reservations.get(peer)
    if (given !== undefined && given !== held) {
      given.signal.clear()
      given.signal = clock(ttlMs, () => {
        if (reservations.get(peer) === given) reservations.delete(peer)
      })
    }
    return result
  }
  store.removeReservation = (peer) => freeReservation(relay, peer)
  store.clear = () => {
    for (const { signal } of reservations.values()) signal.clear()
    clear()
  }
}

/** Frees a peer's place, and stops its clock. */
export function freeReservation({ reservations }: CircuitRelayService, peer: PeerId): void {
  reservations.get(peer)?.signal.clear()
  reservations.delete(peer)
}

function clock(ttlMs: number, onEnd: () => void): RelayReservation['signal'] {
  const controller = new AbortController()
  const end = (): void => {
    onEnd()
    controller.abort()
  }
  let timer = setTimeout(end, ttlMs).unref()
  return Object.assign(controller.signal, {
    reset: (ms: number) => {
      clearTimeout(timer)
      timer = setTimeout(end, ms).unref()
    },
    clear: () => clearTimeout(timer)
  })
}
