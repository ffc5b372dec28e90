/**
 * Shapes of the documents that the gateway sends, as JSON Schema (2020-12), written from the public API
 * references. They are stricter than the references: a field that is not listed is refused.
 */
export type Schema = Record<string, unknown> | boolean

export const string: Schema = { type: 'string' }
export const integer: Schema = { type: 'integer', minimum: 0 }
export const number: Schema = { type: 'number' }
export const boolean: Schema = { type: 'boolean' }
export const nothing: Schema = { type: 'null' }
export const anyObject: Schema = { type: 'object' }

export const id = (prefix: string): Schema => ({ type: 'string', pattern: `^${prefix}[0-9a-f]{32}$` })
export const exactly = (...values: unknown[]): Schema => ({ enum: values })
export const list = (items: Schema, rest: object = {}): Schema => ({ type: 'array', items, ...rest })
export const either = (...anyOf: Schema[]): Schema => ({ anyOf })
export const orNull = (schema: Schema): Schema => either(schema, nothing)

/** An object of exactly these fields; a name that ends with `?` may be missing. */
export function fields(properties: Record<string, Schema>): Schema {
  const names = Object.keys(properties)
  return {
    type: 'object',
    additionalProperties: false,
    required: names.filter((name) => !name.endsWith('?')),
    properties: Object.fromEntries(names.map((name) => [name.replace('?', ''), properties[name]]))
  }
}
