import type { Delta, Logprob, ToolCallDelta } from '../../protocols/inference/index.ts'
import { newId, ToolCallIds } from '../answer/identifiers.ts'
import { CallItem } from './response-call.ts'
import type { CalledTool } from './responses-tools.ts'
import { toLogprobs } from './fields.ts'

/** Takes an event of a stream: its type, and its fields but the sequence number. */
export type Emit = (type: string, fields: object) => void

/** One item of a response's output while it is made. */
export interface Item {
  /** The item as it is now. */
  object(status: 'in_progress' | 'completed' | 'incomplete'): object
  /** Ends what is open in it. */
  close(): void
}

/**
 * The output items of a response, made from deltas: reasoning, messages and function calls in the order in
 * which they begin. Each step is told as OpenAI's stream events.
 */
export class ResponseItems {
  readonly #emit: Emit
  readonly #summarize: boolean
  readonly #called: ReadonlyMap<string, CalledTool>
  readonly #ids = new ToolCallIds()
  readonly #items: Item[] = []
  readonly #calls = new Map<number, CallItem>()
  readonly #closed = new Map<Item, object>()
  #open: TextItem | undefined

  /** `summarize`: the client asked for a summary of the reasoning; it gets all of it under that name. */
  constructor(emit: Emit, summarize: boolean, called: ReadonlyMap<string, CalledTool> = new Map()) {
    this.#called = called
    this.#emit = emit
    this.#summarize = summarize
  }

  add({ reasoning = '', content = '', toolCalls = [], logprobs = [] }: Delta): void {
    if (reasoning !== '') this.#text(this.#summarize ? 'summary' : 'reasoning').add(reasoning, [])
    if (content !== '' || logprobs.length > 0) this.#text('message').add(content, logprobs)
    for (const delta of toolCalls) this.#call(this.#ids.identify(delta))
  }

  /** Ends the items; the last one is incomplete where the answer is. Returns the output. */
  finish(incomplete: boolean): object[] {
    const last = incomplete ? this.#items.at(-1) : undefined
    for (const item of this.#items) this.#close(item, item === last ? 'incomplete' : 'completed')
    return this.output()
  }

  output(): object[] {
    return this.#items.map((item) => this.#closed.get(item) ?? item.object('in_progress'))
  }

  #text(kind: TextKind): TextItem {
    if (this.#open?.kind === kind) return this.#open
    if (this.#open !== undefined) this.#close(this.#open, 'completed')
    this.#open = new TextItem(kind, this.#items.length, this.#emit)
    this.#start(this.#open)
    this.#open.begin()
    return this.#open
  }

  #call(delta: ToolCallDelta): void {
    if (this.#open !== undefined) this.#close(this.#open, 'completed')
    this.#open = undefined
    let call = this.#calls.get(delta.index)
    if (call === undefined) {
      call = new CallItem(delta, this.#called.get(delta.name ?? ''), this.#items.length, this.#emit)
      this.#calls.set(delta.index, call)
      this.#start(call)
    }
    // Nothing but white space can follow a whole call.
    if (!this.#closed.has(call)) call.add(delta.arguments ?? '')
  }

  #start(item: Item): void {
    for (const call of this.#calls.values()) if (call.whole) this.#close(call, 'completed')
    this.#items.push(item)
    const index = this.#items.length - 1
    this.#emit('response.output_item.added', { output_index: index, item: item.object('in_progress') })
  }

  #close(item: Item, status: 'completed' | 'incomplete'): void {
    if (this.#closed.has(item)) return
    item.close()
    const object = item.object(status)
    this.#closed.set(item, object)
    this.#emit('response.output_item.done', { output_index: this.#items.indexOf(item), item: object })
  }
}

type TextKind = 'message' | 'reasoning' | 'summary'

/** The event names of each kind of text, and its one part. */
const TEXTS = {
  message: {
    id: 'msg_',
    index: 'content_index',
    part: 'response.content_part',
    text: 'response.output_text'
  },
  reasoning: {
    id: 'rs_',
    index: 'content_index',
    part: 'response.content_part',
    text: 'response.reasoning_text'
  },
  summary: {
    id: 'rs_',
    index: 'summary_index',
    part: 'response.reasoning_summary_part',
    text: 'response.reasoning_summary_text'
  }
} as const

/** A message or a piece of reasoning: an item with one part, which is text. */
class TextItem implements Item {
  readonly kind: TextKind
  readonly #emit: Emit
  readonly #id: string
  readonly #place: object
  readonly #logprobs: Logprob[] = []
  #text = ''
  #begun = false

  constructor(kind: TextKind, outputIndex: number, emit: Emit) {
    this.kind = kind
    this.#emit = emit
    this.#id = newId(TEXTS[kind].id)
    this.#place = { item_id: this.#id, output_index: outputIndex, [TEXTS[kind].index]: 0 }
  }

  begin(): void {
    this.#begun = true
    this.#emit(`${TEXTS[this.kind].part}.added`, { ...this.#place, part: this.#part('', []) })
  }

  add(text: string, logprobs: Logprob[]): void {
    this.#text += text
    this.#logprobs.push(...logprobs)
    this.#emit(`${TEXTS[this.kind].text}.delta`, {
      ...this.#place,
      delta: text,
      ...this.#messageOnly({ logprobs: toEventLogprobs(logprobs) })
    })
  }

  close(): void {
    this.#emit(`${TEXTS[this.kind].text}.done`, {
      ...this.#place,
      text: this.#text,
      ...this.#messageOnly({ logprobs: toEventLogprobs(this.#logprobs) })
    })
    this.#emit(`${TEXTS[this.kind].part}.done`, {
      ...this.#place,
      part: this.#part(this.#text, this.#logprobs)
    })
  }

  object(status: string): object {
    const parts = this.#begun ? [this.#part(this.#text, this.#logprobs)] : []
    if (this.kind === 'message') {
      return { id: this.#id, type: 'message', status, role: 'assistant', content: parts }
    }
    const summary = this.kind === 'summary'
    return {
      id: this.#id,
      type: 'reasoning',
      status,
      summary: summary ? parts : [],
      ...(summary ? {} : { content: parts })
    }
  }

  #part(text: string, logprobs: Logprob[]): object {
    if (this.kind === 'message') {
      return { type: 'output_text', text, annotations: [], logprobs: toLogprobs(logprobs) }
    }
    return { type: this.kind === 'summary' ? 'summary_text' : 'reasoning_text', text }
  }

  #messageOnly(fields: object): object {
    return this.kind === 'message' ? fields : {}
  }
}

/** Events name tokens without their bytes. */
function toEventLogprobs(logprobs: Logprob[]): object[] {
  return logprobs.map(({ token, logprob, top = [] }) => ({ token, logprob, top_logprobs: top }))
}
