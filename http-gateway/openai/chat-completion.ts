import type { Delta, Logprob } from '../../protocols/inference/index.ts'
import type { EndEvent } from '../answer/answer.ts'
import type { DocumentFormat } from '../answer/deliver.ts'
import { newId, nowInSeconds, toLogprobs, toUsage, ToolCallIds } from './fields.ts'

interface ToolCall {
  id: string
  type: 'function'
  function: { name: string; arguments: string }
}

/** A chat's answer as one `chat.completion` document. */
export class ChatCompletion implements DocumentFormat {
  readonly #toolCallIds = new ToolCallIds()
  readonly #toolCalls = new Map<number, ToolCall>()
  readonly #logprobs: Logprob[] = []
  #content = ''
  #reasoning = ''

  delta({ content = '', reasoning = '', toolCalls = [], logprobs = [] }: Delta): void {
    this.#content += content
    this.#reasoning += reasoning
    this.#logprobs.push(...logprobs)
    for (const delta of toolCalls) {
      const { index, id = '', name = '', arguments: text = '' } = this.#toolCallIds.identify(delta)
      const known = this.#toolCalls.get(index)
      if (known === undefined) {
        this.#toolCalls.set(index, { id, type: 'function', function: { name, arguments: text } })
      } else {
        known.function.name += name
        known.function.arguments += text
      }
    }
  }

  end({ finishReason, usage }: EndEvent, model: string): object {
    const toolCalls = [...this.#toolCalls].sort(([a], [b]) => a - b).map(([, call]) => call)
    const message = {
      role: 'assistant',
      content: this.#content === '' && toolCalls.length > 0 ? null : this.#content,
      refusal: null,
      ...(this.#reasoning === '' ? {} : { reasoning_content: this.#reasoning }),
      ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls })
    }
    const logprobs =
      this.#logprobs.length === 0 ? null : { content: toLogprobs(this.#logprobs), refusal: null }
    return {
      id: newId('chatcmpl-'),
      object: 'chat.completion',
      created: nowInSeconds(),
      model,
      choices: [{ index: 0, message, logprobs, finish_reason: finishReason }],
      usage: toUsage(usage)
    }
  }
}
