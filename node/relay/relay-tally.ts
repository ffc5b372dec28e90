import QuickLRU from 'quick-lru'

/** Peers whose use of the relay is remembered; those that used it least recently are forgotten first. */
const REMEMBERED_PEERS = 1024

/** One peer's use of the relay since its start. */
export interface RelayedPeer {
  peer: string
  /** Bytes that it sent through the relay. */
  bytes: number
  /** Places and circuits that it was refused. */
  refused: number
}

/** Everything that the relay carried and refused since its start. */
export interface RelayTotals {
  /** Bytes of all circuits, both ways. */
  bytes: number
  /** Circuits that were opened. */
  circuits: number
  refusedCircuits: number
  refusedReservations: number
}

/** Counts who uses a relay, how much, and what was refused. */
export class RelayTally {
  readonly totals: RelayTotals = { bytes: 0, circuits: 0, refusedCircuits: 0, refusedReservations: 0 }
  readonly #peers = new QuickLRU<string, RelayedPeer>({ maxSize: REMEMBERED_PEERS })

  opened(): void {
    this.totals.circuits++
  }

  carried(peer: string, bytes: number): void {
    this.totals.bytes += bytes
    this.#of(peer).bytes += bytes
  }

  refused(peer: string, what: 'refusedCircuits' | 'refusedReservations'): void {
    this.totals[what]++
    this.#of(peer).refused++
  }

  /** The peers, those that sent most first. */
  peers(): RelayedPeer[] {
    return [...this.#peers.values()].sort((one, other) => other.bytes - one.bytes)
  }

  #of(peer: string): RelayedPeer {
    const known = this.#peers.get(peer)
    if (known !== undefined) return known
    const added = { peer, bytes: 0, refused: 0 }
    this.#peers.set(peer, added)
    return added
  }
}
