/** Contributors that are kept in touch with; more are known to the DHT only. */
const MAX_PLACES = 256

/** The chance of one that was never asked to take the place of another such: nobody keeps the others out by being early. */
const REPLACING = 0.25

/** How much a contributor is wanted: a friend or creditor; one that has answered; one never asked; one that only refuses. */
export type Rank = 3 | 2 | 1 | 0

export interface PlacesInit {
  rank: (peer: string) => Rank
  /** @default 256 */
  max?: number
  random?: () => number
}

/**
 * The places of a directory. When all are taken, a contributor that is wanted more takes the place of one that is
 * wanted least; friends and creditors always have one.
 */
export class Places {
  readonly #rank: (peer: string) => Rank
  readonly #max: number
  readonly #random: () => number
  /** Callbacks for the loss of a place, by peer. */
  readonly #held = new Map<string, () => void>()

  constructor({ rank, max = MAX_PLACES, random = Math.random }: PlacesInit) {
    this.#rank = rank
    this.#max = max
    this.#random = random
  }

  /** Takes a place, where there is one or may be; `onLost` is called when another takes it. */
  take(peer: string, onLost: () => void): boolean {
    if (this.#held.has(peer)) return true
    if (this.#held.size >= this.#max && !this.#makeRoom(peer)) return false
    this.#held.set(peer, onLost)
    return true
  }

  release(peer: string): void {
    this.#held.delete(peer)
  }

  #makeRoom(peer: string): boolean {
    const rank = this.#rank(peer)
    const ranked = [...this.#held].map(([other, onLost]) => ({ other, onLost, rank: this.#rank(other) }))
    const lowest = Math.min(...ranked.map((entry) => entry.rank))
    if (rank < 3 && (lowest > rank || (lowest === rank && (rank !== 1 || this.#random() >= REPLACING))))
      return false
    // Friends and creditors are as many as the user has; they take no place from one another.
    if (lowest === 3) return true
    const least = ranked.filter((entry) => entry.rank === lowest)
    const loser = least[Math.floor(this.#random() * least.length)]
    if (loser === undefined) return true
    this.#held.delete(loser.other)
    loser.onLost()
    return true
  }
}
