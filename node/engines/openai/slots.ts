import { LobstahError } from '../../../protocols/errors.ts'
import type { OpenaiClient } from './client.ts'
import { readSlots } from './listing.ts'

/**
 * How long llama.cpp's server may take to tell its slots, in milliseconds. It tells them between two batches, so one
 * that does not answer in this time works.
 */
const SLOTS_TIMEOUT_MS = 500

/**
 * Counts the requests that were left while llama.cpp's server still works on them: it finishes a batch of the prompt
 * before it sees that nobody waits, which may take a minute.
 */
export class Slots {
  readonly #client: OpenaiClient
  /** Requests that are being answered. */
  #active = 0
  /** Requests that were left, as far as it is not known that their slots are free. */
  #left = 0

  constructor(client: OpenaiClient) {
    this.#client = client
  }

  /** A request begins. Returns what to call at its end, and with whether it was left before. */
  begin(): (left: boolean) => void {
    this.#active++
    return (left) => {
      this.#active--
      if (left) this.#left++
    }
  }

  /** How many requests that were left the server still works on. */
  async busy(signal: AbortSignal): Promise<number> {
    if (this.#left === 0) return 0
    const working = await this.#working(signal)
    // The owner's own requests take slots as well, but no more than were left are ours.
    this.#left = Math.min(this.#left, Math.max(0, working - this.#active))
    return this.#left
  }

  /** How many slots work: all that may where the server is too busy to say, none where it never says. */
  async #working(signal: AbortSignal): Promise<number> {
    const deadline = AbortSignal.timeout(SLOTS_TIMEOUT_MS)
    try {
      return readSlots(await this.#client.get('/slots', AbortSignal.any([signal, deadline]))) ?? 0
    } catch (err) {
      signal.throwIfAborted()
      return deadline.aborted && !(err instanceof LobstahError) ? Infinity : 0
    }
  }
}
