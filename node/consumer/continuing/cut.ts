/** How far back a word boundary is looked for, in UTF-16 units: longer words are cut where they are. */
const REACH = 128

/** Finds words in scripts without spaces too, by dictionary. */
const words = new Intl.Segmenter(undefined, { granularity: 'word' })

/** A text in two: what a model is given to continue, and what it will say again. */
export interface Cut {
  prefix: string
  tail: string
}

/**
 * Cuts a text before its last word, which may be half of one, and before the spaces there: models that continue from
 * the middle of a word, or after a space, seldom say what they would have said.
 */
export function cutAtWord(text: string): Cut {
  const from = Math.max(0, text.length - REACH)
  let last = from
  for (const { index } of words.segment(text.slice(from))) last = from + index
  // A single word as long as the reach: nothing is known of where it begins.
  const at = last === from && from > 0 ? text.length : last
  const prefix = text.slice(0, at).trimEnd()
  return { prefix, tail: text.slice(prefix.length) }
}

/** Characters of a very long word that are said again. */
const LONG_TAIL = 16

/** Finds characters as people see them. */
const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Cuts a text before its last word, or within a word that is very long. */
export function cutWithTail(text: string): Cut {
  const cut = cutAtWord(text)
  if (cut.tail !== '') return cut
  const from = Math.max(0, text.length - REACH)
  const places = [...characters.segment(text.slice(from))].map(({ index }) => from + index)
  const at = places.at(-LONG_TAIL) ?? from
  return { prefix: text.slice(0, at), tail: text.slice(at) }
}

/** Cuts a text at its end, before its last spaces. */
export function cutAtEnd(text: string): Cut {
  const prefix = text.trimEnd()
  return { prefix, tail: text.slice(prefix.length) }
}
