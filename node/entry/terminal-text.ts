/**
 * Control sequences of terminals, whole: strings (OSC, DCS, SOS, PM, APC) up to their end or the end of the line, CSI,
 * and all others; each introduced by ESC or by its C1 control.
 */
const SEQUENCES =
  /(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?/g

/** Controls but newline and tab, lone surrogates, and the separators that some terminals take for a newline. */
const CONTROLS = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]|\p{Cs}/gu

/** Characters that show nothing: overrides and isolates of direction, zero-width ones, tags, fillers. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}|[\ufff9-\ufffb]/gu

const PICTURE = /[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f]$/u
const NEXT_PICTURE = /^\p{Extended_Pictographic}/u
/** Scripts whose letters join, or are kept from it, by zero-width characters. */
const JOINS =
  /[\p{scx=Arabic}\p{scx=Syriac}\p{scx=Mongolian}\p{scx=Nko}\p{scx=Devanagari}\p{scx=Bengali}\p{scx=Gurmukhi}\p{scx=Gujarati}\p{scx=Oriya}\p{scx=Tamil}\p{scx=Telugu}\p{scx=Kannada}\p{scx=Malayalam}\p{scx=Sinhala}\p{scx=Khmer}\p{scx=Tibetan}]$/u
const RIGHT_TO_LEFT = /[\p{scx=Hebrew}\p{scx=Arabic}\p{scx=Syriac}\p{scx=Thaana}\p{scx=Nko}]/u
const NEXT_RIGHT_TO_LEFT = /^[\p{scx=Hebrew}\p{scx=Arabic}\p{scx=Syriac}\p{scx=Thaana}\p{scx=Nko}]/u
/** The flags of England, Scotland and Wales are the only ones that are written with tags. */
const FLAGS =
  /\u{1f3f4}\u{e0067}\u{e0062}(?:\u{e0065}\u{e006e}\u{e0067}|\u{e0073}\u{e0063}\u{e0074}|\u{e0077}\u{e006c}\u{e0073})\u{e007f}/gu

/** How much text on either side decides what an invisible character is for, in UTF-16 units. */
const CONTEXT = 16

/**
 * Text from elsewhere, as it may go to a terminal: nothing in it acts on the terminal, hides, or reorders what is around
 * it. Newlines and tabs stay, and so do the invisible characters that emoji and the scripts of many languages need.
 */
export function cleanText(text: string): string {
  const plain = text.replace(SEQUENCES, '').replace(CONTROLS, '')
  const flags = [...plain.matchAll(FLAGS)].map(({ 0: flag, index }) => [index, index + flag.length] as const)
  const kept: string[] = []
  let [before, seen] = ['', 0]
  // Earlier text counts as written, so it does not matter where a text is split.
  const keep = (piece: string): void => {
    kept.push(piece)
    before = (before + piece.slice(-CONTEXT)).slice(-CONTEXT)
  }
  for (const { 0: sign, index: at } of plain.matchAll(INVISIBLE)) {
    keep(plain.slice(seen, at))
    seen = at + sign.length
    const after = plain.slice(seen, seen + CONTEXT)
    while (flags[0] !== undefined && flags[0][1] <= at) flags.shift()
    const inFlag = flags[0] !== undefined && at >= flags[0][0]
    if (inFlag || isNeeded(sign, before, after)) keep(sign)
  }
  return kept.join('') + plain.slice(seen)
}

/** The same for what has to stay on its line, as a name or a message in a list has. */
export function cleanLine(text: string): string {
  return cleanText(text.replace(/\r\n|[\n\r\t\v\f\u0085\u2028\u2029]/g, ' '))
}

/** JSON whose strings say the same, but in which nothing acts on a terminal. */
export function cleanJson(json: string): string {
  return json.replace(/[\x7f-\x9f\u2028\u2029\ufff9-\ufffb]|\p{Default_Ignorable_Code_Point}/gu, (sign) =>
    Array.from(
      { length: sign.length },
      (_, i) => `\\u${sign.charCodeAt(i).toString(16).padStart(4, '0')}`
    ).join('')
  )
}

/** Cleans text that comes in pieces, which may cut a sequence or a character in two. */
export class TextCleaner {
  /** The end of the text written so far, which decides how to treat the next part. */
  #before = ''
  #held = ''

  /** The part of the text so far that can be written. */
  next(piece: string): string {
    const text = this.#held + piece
    const whole = text.slice(0, text.length - unfinished(text).length)
    this.#held = text.slice(whole.length)
    // A string without an end is not waited for.
    if (this.#held.length > MAX_HELD) this.#held = this.#held.slice(0, 2)
    return this.#give(whole)
  }

  /** The remaining text at the end. */
  end(): string {
    const rest = this.#held
    this.#held = ''
    return this.#give(rest)
  }

  #give(text: string): string {
    const given = cleanText(this.#before).length
    const cleaned = cleanText(this.#before + text).slice(given)
    this.#before = lastCharacters(this.#before + cleaned)
    return cleaned
  }
}

/** Longest beginning of a control sequence that is held back, in UTF-16 units. */
const MAX_HELD = 4096

/** The end of a text that can only be judged by what follows it. */
function unfinished(text: string): string {
  const sequence =
    /(?:(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*\x1b?|(?:\x1b\[|\x9b)[0-?]*[ -/]*|\x1b[ -/]*)$/.exec(
      text
    )
  if (sequence !== null) return sequence[0]
  return (
    /(?:[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Default_Ignorable_Code_Point}]*\p{Default_Ignorable_Code_Point})?[\ud800-\udbff]?$/u.exec(
      text
    )?.[0] ?? ''
  )
}

/** So many characters of a clean text that its first one is whole, and shows something. */
function lastCharacters(text: string): string {
  return text.slice(-2 * CONTEXT).replace(/^(?:[\udc00-\udfff]|\p{Default_Ignorable_Code_Point})+/u, '')
}

/** Whether an invisible character is part of what is shown. */
function isNeeded(sign: string, before: string, after: string): boolean {
  switch (sign) {
    case '\u200d':
      return (PICTURE.test(before) && NEXT_PICTURE.test(after)) || JOINS.test(before)
    case '\u200c':
      return JOINS.test(before)
    case '\ufe0e':
    case '\ufe0f':
      return /[\p{Emoji}\p{Extended_Pictographic}]$/u.test(before)
    case '\u200e':
    case '\u200f':
    case '\u061c':
      return RIGHT_TO_LEFT.test(before) || NEXT_RIGHT_TO_LEFT.test(after)
    default:
      // Variants of ideographs and of Mongolian letters.
      return (
        (/^[\u{e0100}-\u{e01ef}]$/u.test(sign) && /\p{scx=Han}$/u.test(before)) ||
        (/^[\u180b-\u180d\u180f]$/.test(sign) && /\p{scx=Mongolian}$/u.test(before))
      )
  }
}
