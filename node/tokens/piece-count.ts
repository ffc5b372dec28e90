import { FAMILY_FACTOR } from './constants.ts'

const CONTRACTION = "(?:'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE]))?"
const BEFORE = '[^\\r\\n\\p{L}\\p{N}]?'

/** The words and runs of marks that o200k splits a text into; a piece is one token at least. */
const PIECES = new RegExp(
  [
    `${BEFORE}[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+${CONTRACTION}`,
    `${BEFORE}[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*${CONTRACTION}`,
    '\\p{N}{1,3}',
    ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*',
    '\\s*[\\r\\n]+',
    '\\s+(?!\\S)',
    '\\s+'
  ].join('|'),
  'gu'
)

const DIGITS = /^[0-9]+$/

/**
 * Tokens that a text may have without the vocabulary's being asked: never more than {@link Vocabulary} allows, and for most
 * prose and code no less than an honest engine counts. It costs a tenth.
 */
export function certainTokens(chunk: string): number {
  let tokens = 0
  for (const [piece] of chunk.matchAll(PIECES)) tokens += DIGITS.test(piece) ? piece.length : FAMILY_FACTOR
  return Math.min(tokens, Buffer.byteLength(chunk))
}
