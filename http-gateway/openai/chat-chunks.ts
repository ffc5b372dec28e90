import type { Delta, ToolCallDelta } from '../../protocols/inference/index.ts'
import type { EndEvent } from '../answer/answer.ts'
import type { StreamFormat } from '../answer/deliver.ts'
import type { SseWriter } from '../answer/sse-writer.ts'
import { toEnvelope, type Failure } from '../errors.ts'
import { newId, nowInSeconds, toLogprobs, toUsage, ToolCallIds } from './fields.ts'

interface ChoiceDelta {
  role?: 'assistant'
  content?: string
  reasoning_content?: string
  tool_calls?: object[]
}

const DONE = 'data: [DONE]\n\n'

/** A chat's answer as `chat.completion.chunk` events. */
export class ChatChunks implements StreamFormat {
  readonly #includeUsage: boolean
  readonly #toolCallIds = new ToolCallIds()
  /** Every chunk up to its choices. */
  readonly #head: string
  /** A chunk's text around the one thing that differs in most of them: the content. */
  readonly #contentHead: string
  readonly #contentTail: string
  #roleSent = false

  constructor(model: string, { includeUsage }: { includeUsage: boolean }) {
    this.#includeUsage = includeUsage
    const fields = { id: newId('chatcmpl-'), object: 'chat.completion.chunk', created: nowInSeconds(), model }
    this.#head = `data: ${JSON.stringify(fields).slice(0, -1)},"choices":`
    this.#contentHead = `${this.#head}[{"index":0,"delta":{"content":`
    this.#contentTail = `},"logprobs":null,"finish_reason":null}]${this.#tail(null)}`
  }

  delta(delta: Delta, out: SseWriter): void {
    const { content, reasoning, toolCalls, logprobs } = delta
    if (this.#roleSent && reasoning === undefined && toolCalls === undefined && logprobs === undefined) {
      if (content) out.write(this.#contentHead + JSON.stringify(content) + this.#contentTail)
      return
    }
    const choice: ChoiceDelta = {}
    if (content !== undefined) choice.content = content
    if (reasoning !== undefined) choice.reasoning_content = reasoning
    if (toolCalls !== undefined) choice.tool_calls = toolCalls.map((call) => this.#toolCall(call))
    out.write(
      this.#chunk(
        choice,
        null,
        logprobs === undefined ? null : { content: toLogprobs(logprobs), refusal: null }
      )
    )
  }

  end({ finishReason, usage, receipt }: EndEvent, out: SseWriter): void {
    if (!this.#roleSent) out.write(this.#chunk({ content: '' }, null))
    out.write(this.#chunk({}, finishReason))
    if (this.#includeUsage) out.write(`${this.#head}[]${this.#tail(toUsage(usage))}`)
    if (receipt !== undefined) out.write(`: lobstah-receipt ${JSON.stringify(receipt)}\n\n`)
    out.write(DONE)
  }

  failure(failure: Failure): string {
    return `data: ${JSON.stringify(toEnvelope(failure))}\n\n`
  }

  #chunk(delta: ChoiceDelta, finishReason: string | null, logprobs: object | null = null): string {
    const roleDelta: ChoiceDelta = this.#roleSent ? delta : { role: 'assistant', ...delta }
    if (finishReason === null) this.#roleSent = true
    const choice = { index: 0, delta: roleDelta, logprobs, finish_reason: finishReason }
    return `${this.#head}[${JSON.stringify(choice)}]${this.#tail(null)}`
  }

  /** A chunk's end. Where usage is asked for, OpenAI's chunks all have the field. */
  #tail(usage: object | null): string {
    return this.#includeUsage ? `,"usage":${JSON.stringify(usage)}}\n\n` : '}\n\n'
  }

  #toolCall(delta: ToolCallDelta): object {
    const { index, id, name, arguments: text = '' } = this.#toolCallIds.identify(delta)
    if (id === undefined) return { index, function: { arguments: text } }
    return { index, id, type: 'function', function: { name, arguments: text } }
  }
}
