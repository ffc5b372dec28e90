import { FAMILY_FACTOR } from './constants.ts'

/** What a text needs of the family factor where there is something beside it: most families need no more than 1.2. */
const SHARE = 1.2 / FAMILY_FACTOR

/**
 * The most tokens of a text with something beside it, such as a template around messages. The room that a text has for
 * unusual vocabularies holds what is beside it too, once the text is long: so a long conversation has 1.3 times its own
 * count, and not more.
 */
export function withBeside(tokens: number, beside: number): number {
  return Math.ceil(Math.max(tokens, tokens * SHARE + beside))
}
