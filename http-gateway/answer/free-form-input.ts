/** The field that holds the text of a free-form tool, in the arguments of the function that stands for it. */
export const INPUT_FIELD = 'input'

const HEAD = new RegExp(`^\\s*\\{\\s*"${INPUT_FIELD}"\\s*:\\s*"`)
/** Longest text in which {@link HEAD} is looked for: a model may write anything else. */
const MAX_HEAD_LENGTH = 256

/** Reads the text of a free-form tool out of a function's arguments while they are being written. */
export class FreeFormInput {
  #arguments = ''
  /** Where the part that is not decoded yet begins; undefined before the text begins. */
  #place: number | undefined
  #closed = false
  #text = ''

  /** The text so far; all of it after {@link FreeFormInput.end}. */
  get text(): string {
    return this.#text
  }

  /** Takes the next piece of the arguments, and returns what it adds to the text. */
  add(piece: string): string {
    this.#arguments += piece
    if (this.#place === undefined && this.#arguments.length <= MAX_HEAD_LENGTH) {
      this.#place = HEAD.exec(this.#arguments)?.[0].length
    }
    if (this.#place === undefined || this.#closed) return ''
    const end = this.#decodableEnd(this.#place)
    const text = decoded(this.#arguments.slice(this.#place, end))
    this.#place = end
    this.#text += text
    return text
  }

  /** Ends the arguments, and returns what is left of the text. A model that ignored the field is taken at its word. */
  end(): string {
    const whole = toText(this.#arguments)
    if (!whole.startsWith(this.#text)) return ''
    const rest = whole.slice(this.#text.length)
    this.#text = whole
    return rest
  }

  /** The end of what can be decoded now: escapes and surrogate pairs are not split. */
  #decodableEnd(start: number): number {
    let place = start
    while (place < this.#arguments.length) {
      const character = this.#arguments[place]
      if (character === '"') {
        this.#closed = true
        return place
      }
      const length = character === '\\' ? escapeLength(this.#arguments, place) : 1
      if (place + length > this.#arguments.length) return place
      place += length
    }
    return place
  }
}

/** The arguments that say `text` to the function of a free-form tool. */
export function toArguments(text: string): string {
  return JSON.stringify({ [INPUT_FIELD]: text })
}

/** Characters of the escape at a place: a high surrogate's includes the low one. */
function escapeLength(text: string, place: number): number {
  if (place + 1 < text.length && text[place + 1] !== 'u') return 2
  return /^\\u[dD][89abAB]/.test(text.slice(place, place + 4)) ? 12 : 6
}

function decoded(json: string): string {
  // Models leave line feeds as they are, which JSON does not allow.
  const escaped = json.replace(/[\u0000-\u001f]/g, (character) => JSON.stringify(character).slice(1, -1))
  try {
    return String(JSON.parse(`"${escaped}"`))
  } catch {
    return json
  }
}

/** The text of a free-form tool, from the whole arguments of the function that stands for it. */
export function toText(given: string): string {
  try {
    const value: unknown = JSON.parse(given)
    if (typeof value === 'string') return value
    const fields = Object.entries(Object(value) as object)
    const [, text] =
      fields.find(([name]) => name === INPUT_FIELD) ?? (fields.length === 1 ? (fields[0] ?? []) : [])
    return typeof text === 'string' ? text : given
  } catch {
    return given
  }
}
