import { canonicalModelName, type OfferedModel } from '../../../protocols/index.ts'
import type { ListedModel } from '../index.ts'

/** The models that providers offer, each once, with the peers that serve it and the largest context among them. */
export function listModels(providers: { peer: string; models: OfferedModel[] }[]): ListedModel[] {
  const listed = new Map<string, ListedModel>()
  for (const provider of providers) {
    for (const model of provider.models) {
      const key = canonicalModelName(model.id)
      const known = listed.get(key)
      if (known === undefined) listed.set(key, { ...model, peers: [provider.peer] })
      else {
        const { peers, contextLength } = known
        peers.push(provider.peer)
        Object.assign(known, detailsOf({ ...model, ...known }))
        known.contextLength = larger(contextLength, model.contextLength)
      }
    }
  }
  return [...listed.values()].sort((a, b) => a.id.localeCompare(b.id))
}

/** Merges the details of a model: the first peer's word stands, and others fill its gaps. */
function detailsOf(model: OfferedModel): Partial<OfferedModel> {
  return Object.fromEntries(DETAILS.flatMap((name) => (name in model ? [[name, model[name]]] : [])))
}

const DETAILS = [
  'quantization',
  'format',
  'family',
  'families',
  'embeddingLength',
  'size',
  'template'
] as const satisfies (keyof OfferedModel)[]

/** The larger of two context lengths: a request that needs it goes to the peer that has it. */
function larger(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b)
}
