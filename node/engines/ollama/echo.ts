import type { Delta } from '../../../protocols/inference/index.ts'

/** Below this, in characters, an answer may well begin like the message that it continues. */
const MIN_ECHO_LENGTH = 8

/**
 * Takes the continued message off the front of an answer that repeats it. Nothing is changed unless all of the message
 * is there.
 */
export class Echo {
  readonly #message: string
  #held: Delta[] = []
  #text = ''
  #over: boolean
  /** Tokens of the echo that was taken off. */
  tokens = 0

  /** `message` is what is continued. A short one is looked for only where an echo is `expected`. */
  constructor(message: string, expected: boolean) {
    this.#message = message
    this.#over = message === '' || (!expected && message.length < MIN_ECHO_LENGTH)
  }

  /** Text that may be passed on now. */
  pass(delta: Delta): Delta[] {
    if (this.#over) return [delta]
    if (delta.content === undefined) return [...this.rest(), delta]
    this.#held.push(delta)
    this.#text += delta.content
    if (this.#text.startsWith(this.#message)) return this.#strip(delta)
    return this.#message.startsWith(this.#text) ? [] : this.rest()
  }

  /** Text that was held back and is no echo: a different text began, or the answer ended. */
  rest(): Delta[] {
    this.#over = this.#over || this.#held.length > 0
    return this.#held.splice(0)
  }

  #strip(last: Delta): Delta[] {
    this.#over = true
    const echoed = this.#held.splice(0)
    const content = this.#text.slice(this.#message.length)
    if (content !== '') echoed.pop()
    this.tokens = echoed.reduce((sum, { tokens }) => sum + (tokens ?? 0), 0)
    return content === '' ? [] : [{ ...last, content }]
  }
}
