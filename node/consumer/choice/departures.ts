import QuickLRU from 'quick-lru'
import { canonicalModelName, type OfferedModel } from '../../../protocols/index.ts'

/** Models that are remembered after their last contributor has left. */
const MAX_DEPARTED = 1024

/** A model that was served, and is not any more. */
export interface Departure {
  /** The peers that served it last. */
  peers: string[]
  /** When the last of them was seen to be gone, in milliseconds since 1970. */
  at: number
  /** Whether they still serve other models: this one will not come back with them. */
  removed: boolean
}

/** Remembers which models were served, by whom, and since when they are gone. */
export class Departures {
  #served = new Map<string, string[]>()
  readonly #departed = new QuickLRU<string, Departure>({ maxSize: MAX_DEPARTED })

  /** Takes what is offered now. */
  observe(offers: { peer: string; models: OfferedModel[] }[], now: number): void {
    const served = new Map<string, string[]>()
    for (const { peer, models } of offers) {
      for (const { id } of models) {
        const name = canonicalModelName(id)
        served.set(name, [...(served.get(name) ?? []), peer])
      }
    }
    const serving = new Set(offers.filter(({ models }) => models.length > 0).map(({ peer }) => peer))
    for (const [name, peers] of this.#served) {
      if (served.has(name)) continue
      this.#departed.set(name, { peers, at: now, removed: peers.every((peer) => serving.has(peer)) })
    }
    for (const name of served.keys()) this.#departed.delete(name)
    this.#served = served
  }

  /** The peer that served a model last and the time it left; undefined if the model is served or never was. */
  of(model: string): Departure | undefined {
    return this.#departed.get(canonicalModelName(model))
  }
}
