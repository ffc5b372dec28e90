import { digitsOf } from './beside.ts'
import { chunkEnd } from './chunks.ts'
import { certainTokens } from './piece-count.ts'

/** A text that grows: its whole chunks, and the beginning of the next. */
export class RunningText {
  /** Whole chunks that the vocabulary has not counted yet: how many tokens they surely may have is no reason to forget them. */
  #chunks: string[] = []
  /** A count that they certainly may have. */
  #certain = 0
  /** The most tokens of the chunks that were counted, and forgotten. */
  #counted = 0
  #rest = ''
  #digits = 0

  add(text: string): void {
    this.#rest += text
    this.#digits += digitsOf(text)
    for (;;) {
      const end = chunkEnd(this.#rest, 0)
      if (end === this.#rest.length) return
      const chunk = this.#rest.slice(0, end)
      this.#chunks.push(chunk)
      this.#certain += certainTokens(chunk)
      this.#rest = this.#rest.slice(end)
    }
  }

  /** Digits in the whole text. */
  get digits(): number {
    return this.#digits
  }

  /** Tokens that the text may surely have, without the vocabulary's being asked. */
  get certain(): number {
    return this.#counted + this.#certain + certainTokens(this.#rest)
  }

  /** Text that the vocabulary has to count: the whole chunks, and the rest. */
  get pending(): string[] {
    return [...this.#chunks, this.#rest]
  }

  /** Takes the vocabulary's counts of what was pending, and forgets the chunks; returns the most that the text then had. */
  take(counts: number[]): number {
    const whole = counts.slice(0, -1)
    this.#chunks = this.#chunks.slice(whole.length)
    this.#certain = this.#chunks.reduce((sum, chunk) => sum + certainTokens(chunk), 0)
    this.#counted = whole.reduce((sum, count) => sum + count, this.#counted)
    return this.#counted + (counts.at(-1) ?? 0)
  }
}
