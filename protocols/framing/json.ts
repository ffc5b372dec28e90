import type { z } from 'zod'
import { InvalidFrameError } from '../errors.ts'
import { FRAME_BOUNDS, excess, type JsonBounds } from './json-bounds.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })
const encoder = new TextEncoder()

/** A frame's payload: JSON in UTF-8. */
export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value))
}

/**
 * Parses a frame's payload. Throws InvalidFrameError, naming the field, when it is not what it should be. Values and
 * nesting are counted before anything is parsed.
 */
export function decodeJson<T>(
  schema: z.ZodType<T>,
  payload: Uint8Array,
  bounds: JsonBounds = FRAME_BOUNDS
): T {
  const result = schema.safeParse(parse(payload, bounds))
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const where = issue?.path.join('.') ?? ''
  throw new InvalidFrameError(`A frame is malformed${where === '' ? '' : ` at ${where}`}`, {
    cause: result.error
  })
}

function parse(payload: Uint8Array, bounds: JsonBounds): unknown {
  const fault = excess(payload, bounds)
  if (fault !== undefined) throw new InvalidFrameError(`A frame ${fault}`)
  try {
    return JSON.parse(decoder.decode(payload))
  } catch (err) {
    throw new InvalidFrameError('A frame is not JSON in UTF-8', { cause: err })
  }
}
