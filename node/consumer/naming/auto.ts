import {
  believedParameters,
  canonicalModelName,
  type InferenceRequest,
  type OfferedModel
} from '../../../protocols/index.ts'
import { contextNeed, contextRank } from '../choice/context.ts'
import { lacking, wishesOf } from '../choice/fitness.ts'

/** Models that `auto` tries, the best first. */
const MAX_MODELS = 4

/** Wishes without which an answer would be no answer; an engine can do without the others, or refuses. */
const NEEDED = new Set(['chat', 'completion', 'embedding', 'tools', 'vision'])

/** What one peer offers. */
export interface Offer {
  peer: string
  models: OfferedModel[]
}

interface Choice {
  id: string
  lacks: number
  tight: number
  parameters: number
  demonstration: boolean
  peers: number
}

/**
 * The models in reach that do what a request asks for, the best first: those that lack none of its wishes, whose context
 * holds it, and of these the largest. `lacks` tells what nobody can do, where there is none.
 */
export function autoModels(
  offers: readonly Offer[],
  request: InferenceRequest
): { models: string[]; lacks: string[] } {
  const wishes = wishesOf(request)
  const need = contextNeed(request)
  const choices = new Map<string, Choice>()
  let fewest: string[] | undefined
  for (const { models } of offers) {
    for (const model of models) {
      const lacks = lacking(model, wishes)
      const needed = lacks.filter((wish) => NEEDED.has(wish))
      const tight = contextRank(model.contextLength, need)
      const unmet = tight === 2 ? [...needed, `a context of ${need.prompt + need.answer} tokens`] : needed
      if (fewest === undefined || unmet.length < fewest.length) fewest = unmet
      if (unmet.length > 0) continue
      const key = canonicalModelName(model.id)
      const known = choices.get(key)
      choices.set(key, {
        id: known?.id ?? model.id,
        lacks: Math.min(known?.lacks ?? Infinity, lacks.length),
        tight: Math.min(known?.tight ?? Infinity, tight),
        parameters: Math.min(known?.parameters ?? Infinity, believedParameters(model)),
        demonstration: model.demonstration === true,
        peers: (known?.peers ?? 0) + 1
      })
    }
  }
  const sorted = [...choices.values()].sort(
    (a, b) =>
      Number(a.demonstration) - Number(b.demonstration) ||
      a.lacks - b.lacks ||
      a.tight - b.tight ||
      b.parameters - a.parameters ||
      b.peers - a.peers ||
      a.id.localeCompare(b.id)
  )
  return { models: sorted.slice(0, MAX_MODELS).map(({ id }) => id), lacks: fewest ?? [] }
}
