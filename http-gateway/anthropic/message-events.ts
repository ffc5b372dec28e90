import type { Delta, ToolCallDelta } from '../../protocols/inference/index.ts'
import type { Ends } from '../answer/answers.ts'
import type { StreamFormat } from '../answer/deliver.ts'
import { receiptComments } from '../answer/headers.ts'
import { newId } from '../answer/identifiers.ts'
import type { SseWriter } from '../answer/sse-writer.ts'
import type { StreamKind } from '../answer/stream-kind.ts'
import { Transcript, type ToolCall } from '../answer/transcript.ts'
import type { Failure } from '../errors.ts'
import { toAnthropicError } from './errors.ts'
import { toStopReason, toUsage } from './fields.ts'

const KIND: StreamKind = { contentType: 'text/event-stream', ping: event('ping', {}) }

type BlockType = 'thinking' | 'text' | 'tool_use'

/**
 * An answer as Anthropic's stream events. Blocks come one after the other, so that of several tool calls the
 * first is passed on as it is made and the others when it is over.
 */
export class MessageEvents implements StreamFormat {
  readonly kind = KIND
  readonly #message: object
  readonly #laterCalls = new Transcript()
  #index = -1
  #open: BlockType | undefined
  #streamed: number | undefined

  /** `inputTokens` is what the prompt is taken for until its count is known. */
  constructor(model: string, inputTokens: number) {
    this.#message = {
      id: newId('msg_'),
      type: 'message',
      role: 'assistant',
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: toUsage({ promptTokens: inputTokens, completionTokens: 0 })
    }
  }

  start(out: SseWriter): void {
    out.write(event('message_start', { message: this.#message }))
    out.write(KIND.ping)
  }

  delta({ reasoning = '', content = '', toolCalls = [] }: Delta, out: SseWriter): void {
    if (reasoning !== '') {
      this.#begin('thinking', { type: 'thinking', thinking: '', signature: '' }, out)
      this.#add({ type: 'thinking_delta', thinking: reasoning }, out)
    }
    if (content !== '') {
      this.#begin('text', { type: 'text', text: '', citations: null }, out)
      this.#add({ type: 'text_delta', text: content }, out)
    }
    for (const call of toolCalls) this.#call(call, out)
  }

  end([end]: Ends, out: SseWriter): void {
    for (const call of this.#laterCalls.toolCalls) {
      this.#close(out)
      this.#beginCall(call, out)
      this.#add({ type: 'input_json_delta', partial_json: call.arguments }, out)
    }
    this.#close(out)
    const delta = { stop_reason: toStopReason(end.finishReason), stop_sequence: null }
    out.write(event('message_delta', { delta, usage: toUsage(end.usage) }))
    for (const comment of receiptComments([end])) out.write(comment)
    out.write(event('message_stop', {}))
  }

  failure(failure: Failure): string {
    return `event: error\ndata: ${JSON.stringify(toAnthropicError(failure))}\n\n`
  }

  #call(delta: ToolCallDelta, out: SseWriter): void {
    if (this.#streamed === undefined) {
      this.#streamed = delta.index
      this.#close(out)
      this.#beginCall({ id: delta.id ?? newId('toolu_'), name: delta.name ?? '' }, out)
    }
    // A text after the call has closed its block: then what is left of it has no place.
    if (delta.index !== this.#streamed || this.#open !== 'tool_use')
      this.#laterCalls.add({ toolCalls: [delta] })
    else if (delta.arguments) this.#add({ type: 'input_json_delta', partial_json: delta.arguments }, out)
  }

  #beginCall({ id, name }: Pick<ToolCall, 'id' | 'name'>, out: SseWriter): void {
    this.#begin('tool_use', { type: 'tool_use', id, name, input: {} }, out)
  }

  #begin(type: BlockType, block: object, out: SseWriter): void {
    if (this.#open === type) return
    this.#close(out)
    this.#open = type
    out.write(event('content_block_start', { index: ++this.#index, content_block: block }))
  }

  #add(delta: object, out: SseWriter): void {
    out.write(event('content_block_delta', { index: this.#index, delta }))
  }

  #close(out: SseWriter): void {
    if (this.#open === undefined) return
    if (this.#open === 'thinking') this.#add({ type: 'signature_delta', signature: '' }, out)
    out.write(event('content_block_stop', { index: this.#index }))
    this.#open = undefined
  }
}

function event(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
}
