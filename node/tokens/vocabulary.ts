import ranks from 'gpt-tokenizer/bpeRanks/o200k_base'
import { encode } from 'gpt-tokenizer/encoding/o200k_base'
import { FAMILY_FACTOR } from './constants.ts'

/**
 * Scripts, and how many tokens a vocabulary that is poor in one makes of an o200k token of it, before the family factor.
 * Of the scripts that are not listed such a vocabulary makes a token of each byte.
 */
const SCRIPTS: readonly (readonly [RegExp, number])[] = [
  [/[\p{Script=Latin}\u0300-\u036f]/u, 2],
  [/\p{Script=Greek}/u, 1.4],
  [/\p{Script=Cyrillic}/u, 1.75],
  [/\p{Script=Hebrew}/u, 1.9],
  [/\p{Script=Arabic}/u, 2.1],
  [/\p{Script=Han}/u, 1.8],
  [/[\p{Script=Hiragana}\p{Script=Katakana}\u30fc]/u, 2],
  [/\p{Script=Hangul}/u, 2.5],
  [/[\p{Script=Thai}\p{Script=Khmer}]/u, 3],
  // Typographic marks, emoji, mathematical signs.
  [/[\p{P}\p{S}\p{Z}\p{Cf}\u200d\ufe0f\u20e3]/u, 1.6]
]

/** Characters of one token beyond which a vocabulary with shorter runs has more; of one letter repeated, even sooner. */
const RUN_LENGTH = 12
const LETTER_RUN_LENGTH = 5
const LETTER_RUN = /^([A-Za-z])\1+$/

/** Spaces, and tabs, that count as one token where a text is made of them. */
const SPACES = 32
const TABS = 8

/** Line feeds beyond two that count as one token. */
const LINE_FEEDS = 4

const encoder = new TextEncoder()
const NO_SPECIAL = { disallowedSpecial: new Set<string>() }

/** By token of o200k: the most tokens that its text has; NaN until asked. */
const known = new Float32Array(ranks.length).fill(Number.NaN)

/** The most tokens that an honest engine counts for a chunk of text. */
export function mostTokens(chunk: string): number {
  let tokens = 0
  for (const token of encode(chunk, NO_SPECIAL)) tokens += mostOf(token)
  return Math.min(tokens, encoder.encode(chunk).length)
}

function mostOf(token: number): number {
  let most = known[token] ?? Number.NaN
  if (Number.isNaN(most)) {
    most = mostOfEntry(ranks[token] ?? '')
    known[token] = most
  }
  return most
}

/** The most tokens for the text of one entry of the vocabulary; bytes are part of a character. */
export function mostOfEntry(entry: string | readonly number[]): number {
  if (typeof entry !== 'string') return entry.length
  if (/^[0-9]+$/.test(entry)) return entry.length
  if (/^\s+$/.test(entry)) return FAMILY_FACTOR * whiteSpace(entry)
  let weight = Math.max(1, entry.length / (LETTER_RUN.test(entry) ? LETTER_RUN_LENGTH : RUN_LENGTH))
  for (const char of entry) {
    if (char <= '\x7f') continue
    const script = SCRIPTS.find(([pattern]) => pattern.test(char))
    if (script === undefined) return encoder.encode(entry).length
    weight = Math.max(weight, script[1])
  }
  return FAMILY_FACTOR * (weight + lineFeeds(entry))
}

/** Line feeds of their own: a vocabulary without longer runs writes the first two as a token each. */
function lineFeeds(text: string): number {
  const count = text.match(/[\r\n]/g)?.length ?? 0
  return Math.min(count, 2) + Math.max(0, count - 2) / LINE_FEEDS
}

function whiteSpace(text: string): number {
  const tabs = text.match(/\t/g)?.length ?? 0
  const feeds = lineFeeds(text)
  return Math.max(1, feeds) + tabs / TABS + (text.length - tabs) / SPACES
}
