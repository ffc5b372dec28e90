import type { Delta } from '../../../protocols/index.ts'

/** Deltas of which it is remembered how many tokens came before: a cut is seldom further back. */
const MARKS = 256

/** What a client has of an answer so far, from however many contributors. */
export class Delivered {
  content = ''
  reasoning = ''
  /** Whether anything of a tool call was delivered. */
  calls = false
  /** Which texts of an embedding request have their vectors. */
  readonly vectors = new Set<number>()
  /** Completion tokens, as the deltas said. */
  tokens = 0
  #marks: { length: number; tokens: number }[] = []

  add(delta: Delta): void {
    this.#marks.push({ length: this.content.length, tokens: this.tokens })
    if (this.#marks.length > 2 * MARKS) this.#marks = this.#marks.slice(-MARKS)
    this.content += delta.content ?? ''
    this.reasoning += delta.reasoning ?? ''
    this.calls ||= delta.toolCalls !== undefined && delta.toolCalls.length > 0
    for (const { index } of delta.embeddings ?? []) this.vectors.add(index)
    this.tokens += delta.tokens ?? 1
  }

  /** Whether the client has seen nothing yet. */
  get empty(): boolean {
    return this.content === '' && this.reasoning === '' && !this.calls && this.vectors.size === 0
  }

  /** Completion tokens that came before so much of the content was whole. */
  tokensAt(length: number): number {
    return this.#marks.findLast((mark) => mark.length <= length)?.tokens ?? 0
  }
}
