import type { FastifyRequest } from 'fastify'
import { BadRequestError } from '../protocols/errors.ts'
import { MAX_MODEL_NAME_LENGTH } from '../protocols/inference/index.ts'

/** Models that a request may name as its fallbacks. */
const MAX_FALLBACKS = 8

/** The models to try after a request's own: of the header `x-lobstah-fallback`, else of the body's `models`. */
export function fallbackOf({
  headers,
  body
}: Pick<FastifyRequest, 'headers' | 'body'>): string[] | undefined {
  const header = headers['x-lobstah-fallback']
  if (typeof header === 'string') {
    const names = header
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
    return checked(isOff(header) ? [] : names, 'x-lobstah-fallback')
  }
  const models = modelsOf(body)
  return models === undefined ? undefined : checked(models, 'models')
}

/** Whether a request wants no other model than its own, and so no last resort. */
export function isOff(header: unknown): boolean {
  return typeof header === 'string' && ['', 'off'].includes(header.trim().toLowerCase())
}

/** A body that names its models in `models` alone, with the first of them as its model. */
export function withModel(body: unknown): unknown {
  const [first] = modelsOf(body) ?? []
  if (first === undefined || typeof body !== 'object' || body === null) return body
  return 'model' in body && body.model != null ? body : { ...body, model: first }
}

function modelsOf(body: unknown): string[] | undefined {
  if (typeof body !== 'object' || body === null || !('models' in body) || body.models == null)
    return undefined
  const { models } = body
  if (!Array.isArray(models) || !models.every((name) => typeof name === 'string' && name !== ''))
    throw new BadRequestError("'models' must be a list of models' names", { param: 'models' })
  return models as string[]
}

function checked(names: string[], param: string): string[] {
  if (names.length > MAX_FALLBACKS)
    throw new BadRequestError(`'${param}' names more than ${MAX_FALLBACKS} models`, { param })
  if (names.some((name) => name.length > MAX_MODEL_NAME_LENGTH))
    throw new BadRequestError(`'${param}' names a model by more than ${MAX_MODEL_NAME_LENGTH} characters`, {
      param
    })
  return names
}
