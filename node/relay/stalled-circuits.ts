import type { Stream } from '@libp2p/interface'
import { RelayLimitError } from './errors.ts'

/** Bytes that circuits hold, over all peers, because one of their ends is not read or its peer is over its rate. */
const MAX_STALLED_BYTES = 128 * 2 ** 20

/** How often the bytes are added up, in milliseconds. */
const LOOK_MS = 250

/** A stream that is not read for now, the one that its bytes go to, and whose circuit it is. */
export interface StalledCircuit {
  from: Stream
  to: Stream
  owner: object
}

/** Bounds what circuits that wait hold together: each may fill a window, and one peer opens many. */
export class StalledCircuits {
  readonly #maxBytes: number
  /** The circuit that has waited longest first. */
  readonly #waiting = new Set<StalledCircuit>()
  #looking: NodeJS.Timeout | undefined

  constructor(maxBytes = MAX_STALLED_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** A circuit waits from now on. */
  add(circuit: StalledCircuit): void {
    this.#waiting.add(circuit)
    this.#looking ??= setInterval(() => this.#bound(), LOOK_MS).unref()
  }

  /** It waits no more. */
  delete(circuit: StalledCircuit): void {
    this.#waiting.delete(circuit)
  }

  /** Ends the oldest circuits of the peer whose circuits hold most, while all hold too much. */
  #bound(): void {
    if (this.#waiting.size === 0) {
      clearInterval(this.#looking)
      this.#looking = undefined
      return
    }
    const held = new Map<object, number>()
    let total = 0
    for (const circuit of this.#waiting) {
      const bytes = bytesIn(circuit)
      total += bytes
      held.set(circuit.owner, (held.get(circuit.owner) ?? 0) + bytes)
    }
    while (total > this.#maxBytes) {
      const [greediest, most] = [...held].reduce((one, other) => (other[1] > one[1] ? other : one))
      const oldest = [...this.#waiting].find(({ owner }) => owner === greediest)
      if (oldest === undefined) return
      const bytes = bytesIn(oldest)
      total -= bytes
      held.set(greediest, most - bytes)
      this.#waiting.delete(oldest)
      for (const end of [oldest.from, oldest.to])
        end.abort(new RelayLimitError('Stalled circuits hold more bytes than this relay allows'))
    }
  }
}

function bytesIn({ from, to }: { from: Stream; to: Stream }): number {
  return from.readBufferLength + to.writeBufferLength
}
