import type { Delta, ToolCallDelta } from '../../../protocols/index.ts'

/** Deltas of which it is remembered how many tokens came before: a cut is seldom further back. */
const MARKS = 256

/** A tool call as far as a client has it. */
export interface DeliveredCall {
  name: string
  arguments: string
}

/** The part of an answer that the client has so far, from any number of contributors. */
export class Delivered {
  content = ''
  reasoning = ''
  /** The tool calls, by their index. */
  readonly calls = new Map<number, DeliveredCall>()
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
    for (const piece of delta.toolCalls ?? []) addPiece(this.calls, piece)
    for (const { index } of delta.embeddings ?? []) this.vectors.add(index)
    this.tokens += delta.tokens ?? 1
  }

  /** Whether the client has seen nothing yet. */
  get empty(): boolean {
    return this.content === '' && this.reasoning === '' && this.calls.size === 0 && this.vectors.size === 0
  }

  /** Whether the arguments of a tool call are not all there. */
  get inCall(): boolean {
    return [...this.calls.values()].some((call) => !isWhole(call.arguments))
  }

  /** Completion tokens that came before so much of the content; of a delta that is cut in two, its part of them. */
  tokensAt(length: number): number {
    const at = this.#marks.findLastIndex((mark) => mark.length <= length)
    const mark = this.#marks[at]
    if (mark === undefined) return 0
    const next = this.#marks[at + 1] ?? { length: this.content.length, tokens: this.tokens }
    if (next.length <= mark.length) return mark.tokens
    const part = (length - mark.length) / (next.length - mark.length)
    return mark.tokens + Math.round(part * (next.tokens - mark.tokens))
  }
}

/** Adds a piece to the call that it is of. */
export function addPiece(calls: Map<number, DeliveredCall>, piece: ToolCallDelta): DeliveredCall {
  const { name = '', arguments: text = '' } = calls.get(piece.index) ?? {}
  const call = { name: name + (piece.name ?? ''), arguments: text + (piece.arguments ?? '') }
  calls.set(piece.index, call)
  return call
}

/** Whether no text can follow in a call's arguments. */
function isWhole(text: string): boolean {
  if (!text.trimEnd().endsWith('}')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
