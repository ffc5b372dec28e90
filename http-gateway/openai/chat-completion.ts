import type { Delta } from '../../protocols/inference/index.ts'
import type { EndEvent } from '../answer/answer.ts'
import type { Ends } from '../answer/answers.ts'
import type { DocumentFormat } from '../answer/deliver.ts'
import { toText } from '../answer/free-form-input.ts'
import { newId } from '../answer/identifiers.ts'
import { Transcript, type ToolCall } from '../answer/transcript.ts'
import type { ChatChunksInit } from './chat-chunks.ts'
import { nowInSeconds, toFinishReason, toLogprobs, toUsage, totalUsage } from './fields.ts'

/** A chat's answer as one `chat.completion` document. */
export class ChatCompletion implements DocumentFormat {
  readonly #legacyFunctions: boolean
  readonly #freeForm: ReadonlySet<string>
  readonly #choices: Transcript[]

  /** `legacyFunctions`: whether the client speaks of `function_call`, as before there were tools. */
  constructor({ choices, legacyFunctions, freeForm }: Omit<ChatChunksInit, 'includeUsage'>) {
    this.#freeForm = freeForm
    this.#legacyFunctions = legacyFunctions
    this.#choices = Array.from({ length: choices }, () => new Transcript())
  }

  delta(delta: Delta, choice: number): void {
    this.#choices[choice]?.add(delta)
  }

  end(ends: Ends, model: string): object {
    return {
      id: newId('chatcmpl-'),
      object: 'chat.completion',
      created: nowInSeconds(),
      model,
      choices: ends.map((end, index) => this.#choice(end, index)),
      usage: toUsage(totalUsage(ends))
    }
  }

  #choice({ finishReason }: EndEvent, index: number): object {
    const { content, reasoning, toolCalls, logprobs } = this.#choices[index] ?? new Transcript()
    const message = {
      role: 'assistant',
      content: content === '' && toolCalls.length > 0 ? null : content,
      refusal: null,
      ...(reasoning === '' ? {} : { reasoning, reasoning_content: reasoning }),
      ...this.#calls(toolCalls)
    }
    return {
      index,
      message,
      logprobs: logprobs.length === 0 ? null : { content: toLogprobs(logprobs), refusal: null },
      finish_reason: toFinishReason(finishReason, this.#legacyFunctions)
    }
  }

  #calls(calls: ToolCall[]): object {
    const [first] = calls
    if (first === undefined) return {}
    if (this.#legacyFunctions) return { function_call: { name: first.name, arguments: first.arguments } }
    return {
      tool_calls: calls.map(({ id, ...call }) =>
        this.#freeForm.has(call.name)
          ? { id, type: 'custom', custom: { name: call.name, input: toText(call.arguments) } }
          : { id, type: 'function', function: call }
      )
    }
  }
}
