import type { GenerateRequest } from '../../protocols/inference/index.ts'
import type { Requests } from '../answer/deliver.ts'

/** Most choices of one prompt: each is an order of its own. */
export const MAX_CHOICES = 8

/**
 * Each request `count` times, the choices of one prompt together. No engine makes several answers of one
 * request, so each choice is asked for by itself; a fixed seed goes up by one, or all would be the same.
 */
export function inChoices(requests: [GenerateRequest, ...GenerateRequest[]], count: number): Requests {
  const all = requests.flatMap((request) =>
    Array.from({ length: count }, (_, choice) =>
      request.seed === undefined ? request : { ...request, seed: request.seed + choice }
    )
  )
  return all as Requests
}
