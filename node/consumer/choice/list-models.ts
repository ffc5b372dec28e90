import { canonicalModelName, type Provider } from '../../../protocols/index.ts'
import type { ListedModel } from '../index.ts'

/** The models that providers offer, each once, with the peers that serve it. */
export function listModels(providers: Provider[]): ListedModel[] {
  const listed = new Map<string, ListedModel>()
  for (const provider of providers) {
    for (const model of provider.models()) {
      const key = canonicalModelName(model.id)
      const known = listed.get(key)
      if (known === undefined) listed.set(key, { ...model, peers: [provider.peer] })
      else {
        known.peers.push(provider.peer)
        // What every peer that serves it can hold.
        known.contextLength = Math.min(known.contextLength, model.contextLength)
      }
    }
  }
  return [...listed.values()].sort((a, b) => a.id.localeCompare(b.id))
}
