import type { Delta, Logprob } from '../../protocols/inference/index.ts'
import { ToolCallIds } from './identifiers.ts'

/** A tool call as it was made: `arguments` is JSON text. */
export interface ToolCall {
  id: string
  name: string
  arguments: string
}

/** All of one answer, put together from its deltas. */
export class Transcript {
  readonly #ids = new ToolCallIds()
  readonly #calls = new Map<number, ToolCall>()
  readonly logprobs: Logprob[] = []
  content = ''
  reasoning = ''

  add({ content = '', reasoning = '', toolCalls = [], logprobs = [] }: Delta): void {
    this.content += content
    this.reasoning += reasoning
    this.logprobs.push(...logprobs)
    for (const delta of toolCalls) {
      const { index, id = '', name = '', arguments: text = '' } = this.#ids.identify(delta)
      const known = this.#calls.get(index)
      if (known === undefined) this.#calls.set(index, { id, name, arguments: text })
      else {
        known.name += name
        known.arguments += text
      }
    }
  }

  /** In the order of their indexes. */
  get toolCalls(): ToolCall[] {
    return [...this.#calls].sort(([a], [b]) => a - b).map(([, call]) => call)
  }
}
