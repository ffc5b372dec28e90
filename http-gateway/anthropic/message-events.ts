import type { Delta, ToolCallDelta } from '../../protocols/inference/index.ts'
import type { Ends } from '../answer/answers.ts'
import type { StreamFormat } from '../answer/deliver.ts'
import { receiptComments } from '../answer/headers.ts'
import { newId } from '../answer/identifiers.ts'
import type { SseWriter } from '../answer/sse-writer.ts'
import type { StreamKind } from '../answer/stream-kind.ts'
import { isWhole } from '../answer/tool-input.ts'
import type { ToolCall } from '../answer/transcript.ts'
import type { Failure } from '../failures.ts'
import { toAnthropicError } from './errors.ts'
import { toMessage, toMessageDelta } from './fields.ts'

const KIND: StreamKind = { contentType: 'text/event-stream', ping: event('ping', {}) }

type TextType = 'thinking' | 'text'

/** A piece of text that came while a call was under way. */
interface Piece {
  type: TextType
  text: string
}

/**
 * An answer as Anthropic's stream events. Blocks come one after the other: what comes while a tool call is
 * under way waits until its arguments are whole.
 */
export class MessageEvents implements StreamFormat {
  readonly kind = KIND
  readonly #message: object
  readonly #calls = new Map<number, ToolCall>()
  readonly #waiting: (ToolCall | Piece)[] = []
  #index = -1
  #open: TextType | ToolCall | undefined

  /** `inputTokens` is what the prompt is taken for until its count is known. */
  constructor(model: string, inputTokens: number) {
    this.#message = toMessage(model, [], null, { promptTokens: inputTokens, completionTokens: 0 })
  }

  start(out: SseWriter): void {
    out.write(event('message_start', { message: this.#message }))
    out.write(KIND.ping)
  }

  delta({ reasoning = '', content = '', toolCalls = [] }: Delta, out: SseWriter): void {
    if (reasoning !== '') this.#text({ type: 'thinking', text: reasoning }, out)
    if (content !== '') this.#text({ type: 'text', text: content }, out)
    for (const call of toolCalls) this.#call(call, out)
  }

  end([end]: Ends, out: SseWriter): void {
    for (const next of this.#waiting.splice(0)) this.#write(next, out)
    this.#close(out)
    out.write(event('message_delta', toMessageDelta(end)))
    for (const comment of receiptComments([end])) out.write(comment)
    out.write(event('message_stop', {}))
  }

  failure(failure: Failure): string {
    return `event: error\ndata: ${JSON.stringify(toAnthropicError(failure))}\n\n`
  }

  #text(piece: Piece, out: SseWriter): void {
    this.#waiting.push(piece)
    this.#proceed(out)
  }

  #call({ index, id, name = '', arguments: text = '' }: ToolCallDelta, out: SseWriter): void {
    const known = this.#calls.get(index)
    if (known === undefined) {
      const call = { id: id ?? newId('toolu_'), name, arguments: text }
      this.#calls.set(index, call)
      this.#waiting.push(call)
    } else {
      known.arguments += text
      if (known === this.#open && text !== '') this.#addInput(text, out)
    }
    this.#proceed(out)
  }

  /** Writes what waits, up to the next call that is not whole yet. */
  #proceed(out: SseWriter): void {
    while (this.#waiting.length > 0 && (typeof this.#open !== 'object' || isWhole(this.#open.arguments))) {
      const next = this.#waiting.shift()
      if (next !== undefined) this.#write(next, out)
    }
  }

  #write(next: ToolCall | Piece, out: SseWriter): void {
    if ('name' in next) {
      const { id, name, arguments: text } = next
      this.#begin(next, { type: 'tool_use', id, name, input: {}, caller: { type: 'direct' } }, out)
      if (text !== '') this.#addInput(text, out)
      return
    }
    const { type, text } = next
    if (type === 'thinking') {
      this.#begin(type, { type, thinking: '', signature: '' }, out)
      this.#add({ type: 'thinking_delta', thinking: text }, out)
    } else {
      this.#begin(type, { type, text: '', citations: [] }, out)
      this.#add({ type: 'text_delta', text }, out)
    }
  }

  #begin(what: TextType | ToolCall, block: object, out: SseWriter): void {
    if (this.#open === what) return
    this.#close(out)
    this.#open = what
    out.write(event('content_block_start', { index: ++this.#index, content_block: block }))
  }

  #addInput(text: string, out: SseWriter): void {
    this.#add({ type: 'input_json_delta', partial_json: text }, out)
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
