import { FAMILY_FACTOR } from './constants.ts'

/** Family factor of a text that has tokens beside it: most families need no more than 1.2. */
const SHARE = 1.2 / FAMILY_FACTOR

/** The count of a text: its maximum of tokens, and the digits among them, which no family factor multiplies. */
export interface TextCount {
  tokens: number
  digits: number
}

/**
 * The most tokens of texts with something beside them, such as a template around messages. The room that a text has for
 * unusual vocabularies holds what is beside it too, once the text is long: so a long conversation has 1.3 times its own
 * count, and not more.
 */
export function withBeside({ tokens, digits }: TextCount, beside: number): number {
  return Math.ceil(Math.max(tokens, (tokens - digits) * SHARE + digits + beside))
}

/** How many digits a text has. */
export function digitsOf(text: string): number {
  let digits = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit >= 0x30 && unit <= 0x39) digits++
  }
  return digits
}
