import type { z } from 'zod'

type RawIssue = Parameters<z.core.$ZodErrorMap>[0]

/** The most allowed values that an error lists. */
const MAX_LISTED = 12

/** JSON's types, by the names that zod has for them. */
const TYPES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'an array',
  tuple: 'an array',
  null: 'null',
  undefined: 'left out',
  never: 'left out'
}

/** The unit that a bound counts, by the type of the value. */
const UNITS: Readonly<Record<string, [one: string, many: string]>> = {
  string: ['character', 'characters'],
  array: ['item', 'items'],
  set: ['item', 'items'],
  map: ['key', 'keys'],
  object: ['key', 'keys']
}

/** The requirement that a value violates, as the rest of a sentence that begins with its name. */
export function requirement(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPES[issue.expected] ?? `of type ${issue.expected}`}`
    case 'invalid_value':
      return `must be ${listed(issue.values.map(quoted))}`
    case 'too_big':
      return bound(issue.origin, Number(issue.maximum), issue.inclusive === false ? 'less than' : 'at most')
    case 'too_small':
      return bound(issue.origin, Number(issue.minimum), issue.inclusive === false ? 'more than' : 'at least')
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`
    case 'unrecognized_keys':
      return `must not have the ${issue.keys.length === 1 ? 'key' : 'keys'} ${issue.keys.slice(0, MAX_LISTED).join(', ')}`
    case 'invalid_format':
      return `must be a valid ${issue.format === 'regex' ? 'value: its format is wrong' : issue.format}`
    case 'invalid_key':
      return 'has a key that is not allowed'
    case 'invalid_union':
      return unionRequirement(issue)
    default:
      return 'is not valid'
  }
}

/** A union is of what its members may be, when none of them fits even by type. */
function unionRequirement(issue: RawIssue & { code: 'invalid_union' }): string {
  if ('options' in issue && Array.isArray(issue.options))
    return `must be ${listed(issue.options.map(quoted))}`
  const heads = issue.errors.flatMap((branch) => branch.slice(0, 1))
  const choices = heads.filter(({ path }) => path.length === 0).map(({ message }) => message)
  const own = choices.find((message) => !message.startsWith('must be '))
  if (own !== undefined) return own
  const kinds = choices.map((message) => message.slice('must be '.length))
  return kinds.length === 0 ? 'is not valid' : `must be ${listed([...new Set(kinds)])}`
}

function bound(origin: string, limit: number, relation: string): string {
  const unit = UNITS[origin]
  if (unit === undefined) return `must be ${relation} ${limit}`
  if (limit === 1 && relation === 'at least') return 'must not be empty'
  return `must have ${relation} ${limit} ${unit[limit === 1 ? 0 : 1]}`
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

function listed(choices: string[]): string {
  if (choices.length > MAX_LISTED) return `one of ${choices.slice(0, MAX_LISTED).join(', ')} and others`
  if (choices.length < 2) return choices.join('')
  return `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`
}

/**
 * The issue that a client can mend. Of a union it is the one inside the member that the value resembles: the
 * deepest first fault tells which that is.
 */
export function innermost(issue: z.core.$ZodIssue): { path: PropertyKey[]; message: string } {
  if (issue.code !== 'invalid_union') return issue
  const inside = issue.errors
    .flatMap((branch) => branch.slice(0, 1).map(innermost))
    .filter(({ path }) => path.length > 0)
    .sort((a, b) => b.path.length - a.path.length)[0]
  return inside === undefined ? issue : { path: [...issue.path, ...inside.path], message: inside.message }
}
