import { LobstahError } from '../../../protocols/index.ts'

/** An echo of less than this, in characters, may be a text that repeats itself. */
const MIN_ECHO = 16

/** How far back the beginning of an echo is looked for, in characters. */
const ECHO_REACH = 512

/** Text that a template may put before an answer: a marker for its beginning, an empty thought, spaces. */
const SIGNS = ['<s>', '<bos>', '<|begin_of_text|>', '<\uff5cbegin\u2581of\u2581sentence\uff5c>'] as const
const THOUGHT = '<think>'
const LEAD =
  /^(?:\s*(?:<s>|<bos>|<\|begin_of_text\|>|<\uff5cbegin\u2581of\u2581sentence\uff5c>))?(?:\s*<think>[^]*?<\/think>)?/

/** Longest thought that is waited for, in characters. */
const MAX_THOUGHT = 65_536

/** Scripts that are written without spaces. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]$/u

/** A contributor does not go on with the answer that its predecessor began. */
export class DisagreementError extends LobstahError {
  static override readonly name = 'DisagreementError'
  override readonly name = 'DisagreementError'
  readonly code = 'engine_failed'
  readonly retryable = true
  /** Whether it seems to go on, with another word: given all of the text, it may be asked once more. */
  readonly goesOn: boolean

  constructor(goesOn = true) {
    super(
      goesOn
        ? 'The contributor that was to go on with the answer goes on in other words'
        : 'The contributor that was to go on with the answer began another'
    )
    this.goesOn = goesOn
  }
}

export interface JointInit {
  /** The beginning of the message before this answer. @default nothing */
  own?: string
  /** The part of the message that the contributor was given. */
  prefix: string
  /** The text that the client has beyond that. */
  tail: string
  /** The contributor was given all but the last spaces: it may go on with any word. */
  exact: boolean
}

/**
 * Finds where the text of a contributor joins the one that the client has. Contributors say the tail, which they were
 * not given; some add or drop spaces before it, and some repeat all that they were given, or the end of it.
 */
export class Joint {
  readonly #init: JointInit
  /** All of the message, of which so many characters came before this answer. */
  readonly #whole: string
  readonly #own: number
  #text = ''

  constructor(init: JointInit) {
    this.#init = init
    this.#own = (init.own ?? '').length
    this.#whole = (init.own ?? '') + init.prefix + (init.exact ? '' : init.tail)
  }

  /**
   * Takes the next piece. Returns how many characters of all pieces the client has, or undefined while that is not
   * known. Throws DisagreementError.
   */
  add(piece: string): number | undefined {
    this.#text += piece
    return this.#find(false)
  }

  /** The same at the end of the text. Throws DisagreementError where it ends before what the client has. */
  end(): number {
    return this.#find(true) ?? 0
  }

  #find(over: boolean): number | undefined {
    const { prefix, tail, exact } = this.#init
    if (!over && this.#inLead()) return undefined
    const lead = prefix === '' ? '' : (LEAD.exec(this.#text)?.[0] ?? '')
    const text = this.#text.slice(lead.length)
    const spaces = text.length - text.trimStart().length
    if (!over && text.length === spaces) return undefined
    const found = exact ? undefined : this.#goingOn(text, spaces)
    const echo = this.#echo(text.slice(spaces))
    // The first words of an echo may be those that come next.
    const doubtful = !over && echo === 'open' && !this.#repeatsItself()
    if (typeof found === 'number' && !doubtful && (typeof echo !== 'number' || this.#repeatsItself()))
      return lead.length + found
    if (typeof echo === 'number') return lead.length + this.#pastSpaces(text, spaces + echo)
    if (!over && (found === 'open' || echo === 'open')) return undefined
    const anew = this.#starts().some((at) => common(this.#whole.slice(at), text.trimStart()) >= MIN_ECHO)
    if (exact || tail === '') {
      if (anew && prefix !== '') throw new DisagreementError(false)
      return lead.length + this.#pastSpaces(text, 0)
    }
    throw new DisagreementError(found === 'open' ? text !== '' : !anew && this.#plausible(text))
  }

  /** How much of a text the tail is. */
  #goingOn(text: string, spaces: number): number | 'open' | undefined {
    const { prefix, tail } = this.#init
    if (tail === '') return undefined
    if (prefix === '') {
      if (text.startsWith(tail)) return tail.length
      return tail.startsWith(text) ? 'open' : undefined
    }
    const [wanted, said] = [tail.trimStart(), text.slice(spaces)]
    if (said.startsWith(wanted)) return spaces + wanted.length
    return wanted.startsWith(said) ? 'open' : undefined
  }

  /** Whether the message comes back to its own beginning: what looks like an echo may be more of it. */
  #repeatsItself(): boolean {
    return this.#starts().some((at) => this.#whole.includes(this.#whole.slice(at, at + MIN_ECHO), at + 1))
  }

  /** How much of a text repeats all of the message, or the end of it from before the tail. */
  #echo(said: string): number | 'open' | undefined {
    const { prefix } = this.#init
    if (prefix === '' || said === '') return undefined
    let open = false
    for (const at of this.#beginnings()) {
      const echo = this.#whole.slice(at)
      if (said.startsWith(echo)) return echo.length
      open ||= echo.startsWith(said)
    }
    return open ? 'open' : undefined
  }

  /** Where the message begins, and where this answer does, in both without spaces. */
  #starts(): number[] {
    return [0, this.#own].map((at) => this.#whole.length - this.#whole.slice(at).trimStart().length)
  }

  /** Where an echo may begin: with the message, with this answer, or at a word. */
  *#beginnings(): Iterable<number> {
    yield* this.#starts()
    const { tail, exact } = this.#init
    const given = this.#whole.length - (exact ? 0 : tail.length)
    const last = Math.min(given - 1, this.#whole.length - MIN_ECHO)
    for (let at = Math.max(1, this.#whole.length - ECHO_REACH); at <= last; at++)
      if (/\s/.test(this.#whole[at - 1] ?? '') && !/\s/.test(this.#whole[at] ?? '')) yield at
  }

  /** The place in a text after the spaces that the client has already. */
  #pastSpaces(text: string, at: number): number {
    return this.#init.exact ? at + common(this.#init.tail, text.slice(at)) : at
  }

  /** Whether a text may follow the prefix although it is not the one that did. */
  #plausible(text: string): boolean {
    const { prefix, tail } = this.#init
    if (text === '') return false
    const endsWord = /[\p{L}\p{N}]$/u.test(prefix) && !/^[\p{L}\p{N}]/u.test(tail)
    const separate = /^\s/.test(tail) || (endsWord && !UNSPACED.test(prefix))
    return !separate || /^[\s\p{P}\p{S}]/u.test(text)
  }

  /** Whether the text may still be what a template puts before it. */
  #inLead(): boolean {
    const { prefix } = this.#init
    if (prefix === '' || prefix.trimStart().startsWith(THOUGHT)) return false
    const text = this.#text.trimStart()
    const sign = SIGNS.find((each) => text.startsWith(each)) ?? ''
    const rest = text.slice(sign.length).trimStart()
    if (sign === '' && rest !== '' && SIGNS.some((each) => each.startsWith(rest))) return true
    if (rest !== '' && THOUGHT.startsWith(rest)) return true
    return rest.startsWith(THOUGHT) && !rest.includes('</think>') && rest.length < MAX_THOUGHT
  }
}

/** How many characters two texts begin with alike. */
function common(one: string, other: string): number {
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  return at
}
