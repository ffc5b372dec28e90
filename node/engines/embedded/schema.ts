import { UnsupportedParameterError } from '../../../protocols/errors.ts'

/** Words of JSON Schema that the grammar honours. */
const HONOURED = new Set([
  '$defs',
  '$ref',
  'additionalProperties',
  'const',
  'enum',
  'items',
  'maxItems',
  'maxLength',
  'maxProperties',
  'minItems',
  'minLength',
  'minProperties',
  'oneOf',
  'prefixItems',
  'properties',
  'type'
])

/** Words that do not restrict an answer. `required` is among them: a grammar writes every property. */
const HARMLESS = new Set([
  '$comment',
  '$id',
  '$schema',
  'default',
  'deprecated',
  'description',
  'examples',
  'format',
  'readOnly',
  'required',
  'title',
  'writeOnly'
])

type Schema = Record<string, unknown>

/**
 * A JSON Schema as the part of it that llama.cpp's grammar can enforce. Throws UnsupportedParameterError where
 * it says more than that: an answer that breaks a schema must not pass for one that keeps it.
 */
export function toGrammarSchema(schema: unknown): Schema {
  if (!isObject(schema)) return refuse('a schema that is not an object')
  if (Array.isArray(schema.type)) {
    return { oneOf: schema.type.map((type: unknown) => toGrammarSchema({ ...schema, type })) }
  }
  const { anyOf, ...rest } = schema
  const words = anyOf === undefined ? rest : { ...rest, oneOf: anyOf }
  const grammar: Schema = {}
  for (const [word, value] of Object.entries(words)) {
    if (HONOURED.has(word)) grammar[word] = convert(word, value)
    else if (!HARMLESS.has(word)) refuse(JSON.stringify(word))
  }
  if (grammar.type === undefined && grammar.properties !== undefined) grammar.type = 'object'
  if (!['type', 'oneOf', 'const', 'enum', '$ref'].some((word) => word in grammar))
    refuse('a schema without a type')
  return grammar
}

function convert(word: string, value: unknown): unknown {
  switch (word) {
    case 'items':
      return toGrammarSchema(value)
    case 'additionalProperties':
      return typeof value === 'boolean' ? value : toGrammarSchema(value)
    case 'oneOf':
    case 'prefixItems':
      return Array.isArray(value) ? value.map(toGrammarSchema) : refuse(word)
    case 'properties':
    case '$defs':
      if (!isObject(value)) return refuse(word)
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toGrammarSchema(inner)]))
    case '$ref':
      return typeof value === 'string' && value.startsWith('#/$defs/') ? value : refuse('this $ref')
    default:
      return value
  }
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refuse(what: string): never {
  throw new UnsupportedParameterError(`The embedded engine does not support ${what} in a JSON schema`, {
    param: 'response_format'
  })
}
