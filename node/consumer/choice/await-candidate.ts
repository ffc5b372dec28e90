import type { Directory } from '../../discovery/index.ts'
import { ABSENCE_MS } from './attempts.ts'
import type { Departure } from './departures.ts'

/** How long a first question waits for a mesh that is being joined, in milliseconds. */
const COLD_START_MS = 5000

/** How often the directory is looked at while a request waits, in milliseconds. */
const WAIT_STEP_MS = 100

export interface AwaitOptions {
  directory: Directory
  /** Who served the model last, where nobody does now. */
  departure: Departure | undefined
  /** Milliseconds since 1970. */
  now: () => number
  signal: AbortSignal | undefined
}

/** Asks the DHT for a model that no known peer serves, and waits for a mesh being joined or a peer that may be back. */
export async function awaitCandidate<T>(
  model: string | undefined,
  best: () => T | undefined,
  { directory, departure, now, signal }: AwaitOptions
): Promise<T | undefined> {
  const absence =
    departure === undefined || departure.removed ? 0 : ABSENCE_MS - Math.abs(now() - departure.at)
  const deadline = performance.now() + Math.max(COLD_START_MS, absence)
  do {
    const found = directory.find(model, { signal })
    // The peers that were found may be those that left: a return must not wait for the end of a dial.
    if (departure === undefined) await found
    else found.catch(() => undefined)
    signal?.throwIfAborted()
    const candidate = best()
    if (candidate !== undefined) return candidate
    const left = deadline - performance.now()
    // A node that has just joined knows nobody yet: its user's first question is worth a short wait.
    if (absence <= 0 && !directory.joining) return undefined
    await directory.changed(Math.min(WAIT_STEP_MS, Math.max(1, left)), signal)
  } while (performance.now() < deadline)
  return best()
}
