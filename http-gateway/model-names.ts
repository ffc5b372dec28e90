import type { ListedModel } from '../node/consumer/index.ts'
import { ModelNotFoundError } from '../protocols/errors.ts'
import { MAX_MODEL_NAME_LENGTH, canonicalModelName } from '../protocols/inference/index.ts'

import type { GatewayComponents } from './types.ts'

/** How many names an error suggests. */
const MAX_SUGGESTIONS = 3

/** The served model that a name stands for. Throws ModelNotFoundError, which names the nearest. */
export function findServed<T extends { id: string }>(models: T[], name: string): T {
  const canonical = canonicalModelName(name)
  const found =
    models.find((model) => model.id === name) ??
    models.find((model) => canonicalModelName(model.id) === canonical)
  if (found !== undefined) return found
  const served = models.map((model) => model.id)
  throw new ModelNotFoundError(modelNotFoundMessage(name, served))
}

/** The model that a name stands for: its own, an alias, a digest, a peer or `auto`. Throws ModelNotFoundError. */
export function servedBy(
  consumer: GatewayComponents['consumer'],
  name: string,
  exactCase = false
): ListedModel {
  if (consumer.lookUp === undefined) return findServed(consumer.models(), name)
  try {
    return consumer.lookUp(name, { exactCase })
  } catch (err) {
    if (!(err instanceof ModelNotFoundError) || name.includes('@')) throw err
    const served = listedBy(consumer).map(({ id }) => id)
    throw new ModelNotFoundError(modelNotFoundMessage(name, served), { cause: err })
  }
}

/** The models that are served, then the names that stand for one of them. */
export function listedBy(consumer: GatewayComponents['consumer']): (ListedModel & { model?: string })[] {
  return [...consumer.models(), ...(consumer.names?.() ?? [])]
}

/** The error for a model that nobody serves; `departed` tells who served it until when. */
export function modelNotFoundMessage(wanted: string, served: string[], departed?: string): string {
  const name = wanted.slice(0, MAX_MODEL_NAME_LENGTH)
  const what = departed ?? `The model '${name}' was not found: nobody serves it`
  if (served.length === 0) return `${what}. No model is served now: lobstah-node peers shows who is there.`
  const names = nearest(name, served).map((id) => `'${id}'`)
  if (names.length === 0) return `${what}. GET /v1/models lists the models that are served.`
  return departed === undefined
    ? `${what}; did you mean ${names.join(' or ')}?`
    : `${what}. Close to it are ${names.join(', ')}.`
}

/** The served names that somebody who wrote `name` may have meant, nearest first. */
function nearest(name: string, served: string[]): string[] {
  const wanted = name.toLowerCase()
  return served
    .map((id) => ({ id, distance: difference(wanted, id.toLowerCase()) }))
    .filter(({ distance }) => distance <= 0.5)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MAX_SUGGESTIONS)
    .map(({ id }) => id)
}

/** 0 for the same name, 1 for one with nothing in common. The same model by another tag or owner is near. */
function difference(wanted: string, id: string): number {
  const [bare, bareId] = [family(wanted), family(id)]
  const spelled = editDistance(wanted, id) / Math.max(wanted.length, id.length)
  const bareSpelled = editDistance(bare, bareId) / Math.max(bare.length, bareId.length, 1)
  return Math.min(spelled, 0.1 + bareSpelled)
}

/** `llama3.2` of `library/llama3.2:3b`. */
function family(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1).replace(/:.*/, '')
}

/** Levenshtein's distance: how many characters must be changed, added or dropped. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 0; i < a.length; i++) {
    let left = i + 1
    let diagonal = i
    row = row.map((above, column) => {
      if (column === 0) return left
      const replaced = diagonal + (a[i] === b[column - 1] ? 0 : 1)
      diagonal = above
      left = Math.min(replaced, above + 1, left + 1)
      return left
    })
  }
  return row.at(-1) ?? 0
}

/** The model's name as an Ollama client is told it: as the client wrote it, where that is the model's. */
export function calledAs(asked: string, served: string): string {
  return canonicalModelName(asked) === canonicalModelName(served) ? asked : served
}
