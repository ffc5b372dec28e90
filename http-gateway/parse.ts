import type { z } from 'zod'
import { BadRequestError } from '../protocols/errors.ts'

/** Longest value that an error repeats, in characters. */
const MAX_SHOWN = 64

/** What a client sent, checked once. Throws BadRequestError naming the parameter, as `messages[1].role`. */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = safeParse(schema, value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  if (issue === undefined || issue.path.length === 0)
    throw new BadRequestError('The body is not a JSON object')
  const param = toParam(issue.path)
  const given = valueAt(value, issue.path)
  if (given === undefined) throw new BadRequestError(`Missing required parameter: ${param}`, { param })
  throw new BadRequestError(`Invalid value for ${param}${shown(given)}: ${issue.message}`, { param })
}

function safeParse<T>(schema: z.ZodType<T>, value: unknown): z.ZodSafeParseResult<T> {
  try {
    return schema.safeParse(value)
  } catch (err) {
    // zod passes on all issues of a list as arguments of one call; there may be too many for the stack.
    if (err instanceof RangeError) throw new BadRequestError('The body has too many faults', { cause: err })
    throw err
  }
}

function toParam(path: PropertyKey[]): string {
  return path
    .map((key, depth) => (typeof key === 'number' ? `[${key}]` : `${depth > 0 ? '.' : ''}${String(key)}`))
    .join('')
}

function valueAt(value: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (at === null || at === undefined ? undefined : Reflect.get(Object(at), key)),
    value
  )
}

/** Short values help to find the fault; long ones are somebody's text. */
function shown(value: unknown): string {
  const text = typeof value === 'string' || typeof value === 'number' ? JSON.stringify(value) : ''
  return text === '' || text.length > MAX_SHOWN ? '' : ` (${text})`
}
