import type { Delta } from '../../protocols/inference/index.ts'
import type { Ends } from '../answer/answers.ts'
import type { DocumentFormat } from '../answer/deliver.ts'
import { toInput } from '../answer/tool-input.ts'
import { Transcript } from '../answer/transcript.ts'
import { toMessage } from './fields.ts'

/** An answer as one of Anthropic's messages. */
export class MessageDocument implements DocumentFormat {
  readonly #transcript = new Transcript()

  delta(delta: Delta): void {
    this.#transcript.add(delta)
  }

  end([{ finishReason, usage }]: Ends, model: string): object {
    const { reasoning, content, toolCalls } = this.#transcript
    const blocks = [
      // Nobody here signs thoughts.
      ...(reasoning === '' ? [] : [{ type: 'thinking', thinking: reasoning, signature: '' }]),
      ...(content === '' ? [] : [{ type: 'text', text: content, citations: [] }]),
      ...toolCalls.map(({ id, name, arguments: text }) => ({
        type: 'tool_use',
        id,
        name,
        input: toInput(text),
        caller: { type: 'direct' }
      }))
    ]
    return toMessage(model, blocks, finishReason, usage)
  }
}
