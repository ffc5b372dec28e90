import { setTimeout as delay } from 'node:timers/promises'

/** How often an engine that still works on what was left is asked again, in milliseconds. */
const POLL_MS = 100

/** Tells how many requests that were left an engine still works on. */
export type BusyEngine = () => Promise<number>

/**
 * Slots that nobody holds and that are not free: their requests were left, and the engine still works on them. A slot
 * counts from the moment that it is left until the engine says otherwise.
 */
export class LingeringWork {
  readonly #busy: BusyEngine | undefined
  readonly #onChange: () => void
  #count = 0
  /** Grows with each slot that is left: an answer to a question from before says nothing about it. */
  #round = 0

  /** `busy` is undefined where the engine stops at once; `onChange` hears of slots that become free. */
  constructor(busy: BusyEngine | undefined, onChange: () => void) {
    this.#busy = busy
    this.#onChange = onChange
  }

  get count(): number {
    return this.#count
  }

  /** A slot was left. */
  left(): void {
    if (this.#busy === undefined) return
    this.#count++
    void this.#watch(this.#busy, ++this.#round)
  }

  /** Asks no more. */
  stop(): void {
    this.#round++
    this.#count = 0
  }

  async #watch(busy: BusyEngine, round: number): Promise<void> {
    while (this.#round === round && this.#count > 0) {
      const count = await ask(busy)
      if (this.#round !== round) return
      // No more than were left: the rest is not ours.
      if (count < this.#count) {
        this.#count = count
        this.#onChange()
      }
      if (count > 0) await delay(POLL_MS, undefined, { ref: false })
    }
  }
}

/** An engine that cannot tell is taken for idle. */
async function ask(busy: BusyEngine): Promise<number> {
  try {
    return await busy()
  } catch {
    return 0
  }
}
