import type { z } from 'zod'
import { BadRequestError } from '../protocols/errors.ts'
import { innermost, requirement } from './invalid-values.ts'

/** Longest value that an error repeats, in characters. */
const MAX_SHOWN = 64

/** Parses a client's input. Throws BadRequestError that names the parameter, such as `messages[1].role`. */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = safeParse(schema, value)
  if (result.success) return result.data
  const [first] = result.error.issues
  if (first === undefined) throw new BadRequestError('The body is not valid')
  const { path, message } = innermost(first)
  if (path.length === 0) throw new BadRequestError('The body is not a JSON object')
  const param = toParam(path)
  const given = valueAt(value, path)
  if (given === undefined) throw new BadRequestError(`Missing required parameter: '${param}'`, { param })
  if (/^must (?!not )/.test(message)) {
    throw new BadRequestError(`'${param}' ${message}${shown(given)}`, { param })
  }
  const joint = /^(must|has|is|names) /.test(message) ? ' ' : ': '
  throw new BadRequestError(`'${param}'${joint}${message}`, { param })
}

/** A query string's parameters, checked once. Throws BadRequestError naming the parameter. */
export function parseQuery<T>(schema: z.ZodType<T>, query: unknown): T {
  for (const [param, value] of Object.entries(query ?? {})) {
    if (Array.isArray(value)) throw new BadRequestError(`'${param}' must be given once`, { param })
  }
  return parse(schema, query)
}

/** Names by which the APIs know one field of a request; the first is the mesh's own. */
const ALIASES = [
  ['max_tokens', 'max_completion_tokens', 'max_output_tokens', 'num_predict'],
  ['messages', 'input', 'prompt'],
  ['prompt', 'input'],
  ['input', 'prompt'],
  ['response_format', 'text', 'format', 'output_config'],
  ['reasoning_effort', 'reasoning', 'thinking', 'think'],
  ['stop', 'stop_sequences'],
  ['tools', 'functions'],
  ['tool_choice', 'function_call'],
  ['model', 'name']
] as const

/** The name by which the client sent a field that something behind the gateway refused by the mesh's name. */
export function paramAsSent(param: string, body: unknown): string {
  if (body === null || typeof body !== 'object') return param
  const fields = new Set(Object.keys(body))
  const [root = param] = param.split(/[.[]/, 1)
  if (fields.has(root)) return param
  const options =
    'options' in body && body.options !== null && typeof body.options === 'object' ? body.options : {}
  const names = [root, ...(ALIASES.find(([own]) => own === root) ?? [])]
  const sent = names.find((name) => fields.has(name))
  if (sent !== undefined) return sent
  const option = names.find((name) => name in options)
  return option === undefined ? param : `options.${option}`
}

/** Where a body has a text, as a client names it: by the text itself, whatever has been made of the body since. */
export function paramOf(body: unknown, text: string): string {
  return toParam(pathTo(body, text) ?? [])
}

function pathTo(value: unknown, text: string): PropertyKey[] | undefined {
  if (value === text) return []
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, member] of Object.entries(value)) {
    const path = pathTo(member, text)
    if (path !== undefined) return [Array.isArray(value) ? Number(key) : key, ...path]
  }
  return undefined
}

function safeParse<T>(schema: z.ZodType<T>, value: unknown): z.ZodSafeParseResult<T> {
  try {
    return schema.safeParse(value, { error: requirement })
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
  return text === '' || text.length > MAX_SHOWN ? '' : `, not ${text}`
}
