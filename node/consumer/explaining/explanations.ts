import QuickLRU from 'quick-lru'
import type { Explanation } from './explanation.ts'

/** Requests whose explanations are kept; the oldest go first. */
const MAX_KEPT = 256

/** Explanations that a list tells at most. */
const MAX_LISTED = 50

/** The explanations of the latest requests, by the requests' ids. A request of several choices has one of each. */
export class Explanations {
  readonly #kept = new QuickLRU<string, Explanation[]>({ maxSize: MAX_KEPT / 2 })

  add(explanation: Explanation): void {
    const all = [...(this.#kept.get(explanation.request) ?? []), explanation]
    // Ids are the callers' own: one that is used for ever must not hold more than the others.
    this.#kept.set(explanation.request, all.slice(-8))
  }

  of(request: string): readonly Explanation[] {
    return this.#kept.peek(request) ?? []
  }

  /** The latest, newest first. */
  latest(): Explanation[] {
    return [...this.#kept.entriesAscending()]
      .flatMap(([, explanations]) => explanations)
      .toSorted((a, b) => b.at - a.at)
      .slice(0, MAX_LISTED)
  }
}
