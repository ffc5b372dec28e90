import { argumentsObject } from '../tool-arguments.ts'

/**
 * A call's arguments as JSON text. Models write JSON within JSON: arguments that are one text, or an object or array as
 * the text of a parameter whose schema wants no text. Both are unwrapped.
 */
export function readArguments(value: unknown, parameters: unknown): string {
  const whole = typeof value === 'string' ? (parsed(value) ?? value) : (value ?? {})
  if (!isObject(whole)) return JSON.stringify(typeof whole === 'string' ? argumentsObject(whole) : {})
  const properties = isObject(parameters) && isObject(parameters.properties) ? parameters.properties : {}
  const read = Object.entries(whole).map(
    ([name, given]) => [name, unwrapped(given, properties[name])] as const
  )
  return JSON.stringify(Object.fromEntries(read))
}

function unwrapped(given: unknown, schema: unknown): unknown {
  if (typeof given !== 'string' || !isObject(schema)) return given
  const types = [schema.type].flat()
  const inner = parsed(given)
  if (types.includes('string') || inner === undefined) return given
  const fits = Array.isArray(inner) ? types.includes('array') : types.includes('object')
  return fits ? inner : given
}

/** The object or array that a text is the JSON of. */
function parsed(text: string): object | undefined {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
