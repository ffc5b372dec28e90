import type { Delta } from '../../protocols/index.ts'
import { withBeside } from './beside.ts'
import { CALL_TOKENS, REASONING_TOKENS, SILENT_TOKENS } from './constants.ts'
import { RunningText } from './running-text.ts'
import type { TokenCounter } from './token-counter.ts'

/**
 * The text of one answer, and the most completion tokens that it can have. Content, reasoning and each tool call are texts
 * of their own, so that how they are cut into deltas changes nothing.
 */
export class AnswerText {
  readonly #tools: ReadonlySet<string>
  readonly #texts = new Map<string, RunningText>()
  readonly #calls = new Set<number>()

  /** `tools`: the names of those that the request offers; a call of another has no tokens beyond its text. */
  constructor(tools: ReadonlySet<string> = new Set()) {
    this.#tools = tools
  }

  /** Takes the next delta. */
  add(delta: Delta): void {
    this.#add('content', delta.content)
    this.#add('reasoning', delta.reasoning)
    for (const { index, name, arguments: args } of delta.toolCalls ?? []) {
      this.#add(`call ${index}`, name)
      this.#add(`call ${index}`, args)
      if (name !== undefined && this.#tools.has(name)) this.#calls.add(index)
    }
  }

  /**
   * The most completion tokens that the answer so far can have, or `wanted` where it surely has as many: the vocabulary is
   * asked only where the cheap count does not do. To be called one at a time.
   */
  async most(wanted: number, counter: TokenCounter): Promise<number> {
    const texts = [...this.#texts.values()]
    const silent = this.#silent()
    const digits = sum(texts.map((text) => text.digits))
    const total = (counts: number[]): number => withBeside({ tokens: sum(counts), digits }, silent)
    const certain = total(texts.map((text) => text.certain))
    if (certain >= wanted) return certain
    const pending = texts.map((text) => text.pending)
    const counts = await counter.most(pending.flat())
    let at = 0
    return total(texts.map((text, index) => text.take(counts.slice(at, (at += pending[index]?.length ?? 0)))))
  }

  #add(key: string, text: string | undefined): void {
    if (text === undefined || text === '') return
    let running = this.#texts.get(key)
    if (running === undefined) this.#texts.set(key, (running = new RunningText()))
    running.add(text)
  }

  /** Tokens that leave no text; nothing where nothing was delivered. */
  #silent(): number {
    if (this.#texts.size === 0) return 0
    const reasoning = this.#texts.has('reasoning') ? REASONING_TOKENS : 0
    return SILENT_TOKENS + reasoning + this.#calls.size * CALL_TOKENS
  }
}

function sum(values: number[]): number {
  return values.reduce((all, value) => all + value, 0)
}
