import type { Delta, ToolCallDelta } from '../../protocols/inference/index.ts'
import type { EndEvent } from '../answer/answer.ts'
import type { Ends } from '../answer/answers.ts'
import type { StreamFormat } from '../answer/deliver.ts'
import { FreeFormInput } from '../answer/free-form-input.ts'
import { receiptComments } from '../answer/headers.ts'
import { newId, ToolCallIds } from '../answer/identifiers.ts'
import type { SseWriter } from '../answer/sse-writer.ts'
import { toEnvelope, type Failure } from '../failures.ts'
import { DONE, nowInSeconds, toFinishReason, toLogprobs, toUsage, totalUsage } from './fields.ts'

export interface ChatChunksInit {
  includeUsage: boolean
  /** Whether the client speaks of `function_call`, as before there were tools. */
  legacyFunctions: boolean
  /** The tools that take free text. */
  freeForm: ReadonlySet<string>
  /** How many choices there are. */
  choices: number
}

interface ChoiceDelta {
  role?: 'assistant'
  content?: string
  reasoning?: string
  reasoning_content?: string
  tool_calls?: object[]
  function_call?: object
}

interface ChoiceState {
  /** A chunk's text up to the one thing that differs in most of them: the content. */
  contentHead: string
  roleSent: boolean
  toolCallIds: ToolCallIds
  /** The texts of calls of free-form tools, by the calls' indexes. */
  inputs: Map<number, FreeFormInput>
}

/** A chat's answer as `chat.completion.chunk` events. */
export class ChatChunks implements StreamFormat {
  readonly #init: ChatChunksInit
  /** Every chunk up to its choices. */
  readonly #head: string
  readonly #contentTail: string
  readonly #choices: ChoiceState[]

  constructor(model: string, init: ChatChunksInit) {
    this.#init = init
    const fields = { id: newId('chatcmpl-'), object: 'chat.completion.chunk', created: nowInSeconds(), model }
    this.#head = `data: ${JSON.stringify(fields).slice(0, -1)},"choices":`
    this.#contentTail = `},"logprobs":null,"finish_reason":null}]${this.#tail(null)}`
    this.#choices = Array.from({ length: init.choices }, (_, index) => ({
      contentHead: `${this.#head}[{"index":${index},"delta":{"content":`,
      roleSent: false,
      toolCallIds: new ToolCallIds(),
      inputs: new Map()
    }))
  }

  delta(delta: Delta, out: SseWriter, choice: number): void {
    const { content, reasoning, toolCalls, logprobs } = delta
    const state = this.#state(choice)
    if (state.roleSent && reasoning === undefined && toolCalls === undefined && logprobs === undefined) {
      if (content) out.write(state.contentHead + JSON.stringify(content) + this.#contentTail)
      return
    }
    const fields: ChoiceDelta = {}
    if (content !== undefined) fields.content = content
    // Servers are split over the name.
    if (reasoning !== undefined) Object.assign(fields, { reasoning, reasoning_content: reasoning })
    if (toolCalls !== undefined) Object.assign(fields, this.#calls(toolCalls, state))
    const shown = logprobs === undefined ? null : { content: toLogprobs(logprobs), refusal: null }
    if (state.roleSent && Object.keys(fields).length === 0 && shown === null) return
    out.write(this.#chunk(choice, fields, null, shown))
  }

  choiceEnd(choice: number, { finishReason }: EndEvent, out: SseWriter): void {
    const state = this.#state(choice)
    if (!state.roleSent) out.write(this.#chunk(choice, { content: '' }, null))
    for (const [index, text] of state.inputs) {
      const input = text.end()
      if (input !== '') out.write(this.#chunk(choice, { tool_calls: [{ index, custom: { input } }] }, null))
    }
    out.write(this.#chunk(choice, {}, toFinishReason(finishReason, this.#init.legacyFunctions)))
  }

  end(ends: Ends, out: SseWriter): void {
    if (this.#init.includeUsage) out.write(`${this.#head}[]${this.#tail(toUsage(totalUsage(ends)))}`)
    for (const comment of receiptComments(ends)) out.write(comment)
    out.write(DONE)
  }

  failure(failure: Failure): string {
    return `data: ${JSON.stringify(toEnvelope(failure))}\n\n`
  }

  #state(choice: number): ChoiceState {
    const state = this.#choices[choice]
    if (state === undefined) throw new RangeError(`no choice ${choice}`)
    return state
  }

  #chunk(
    choice: number,
    delta: ChoiceDelta,
    finishReason: string | null,
    logprobs: object | null = null
  ): string {
    const state = this.#state(choice)
    const withRole: ChoiceDelta = state.roleSent ? delta : { role: 'assistant', ...delta }
    state.roleSent = true
    const fields = { index: choice, delta: withRole, logprobs, finish_reason: finishReason }
    return `${this.#head}[${JSON.stringify(fields)}]${this.#tail(null)}`
  }

  /** A chunk's end. Where usage is asked for, OpenAI's chunks all have the field. */
  #tail(usage: object | null): string {
    return this.#init.includeUsage ? `,"usage":${JSON.stringify(usage)}}\n\n` : '}\n\n'
  }

  #calls(deltas: ToolCallDelta[], state: ChoiceState): ChoiceDelta {
    if (!this.#init.legacyFunctions) {
      return { tool_calls: deltas.map((delta) => this.#toolCall(state.toolCallIds.identify(delta), state)) }
    }
    // There was one function call at most.
    const first = deltas.find(({ index }) => index === 0)
    if (first === undefined) return {}
    const { name, arguments: text = '' } = first
    return { function_call: { ...(name === undefined ? {} : { name }), arguments: text } }
  }

  #toolCall({ index, id, name, arguments: text = '' }: ToolCallDelta, { inputs }: ChoiceState): object {
    if (id !== undefined && name !== undefined && this.#init.freeForm.has(name)) {
      inputs.set(index, new FreeFormInput())
    }
    const input = inputs.get(index)?.add(text)
    if (id === undefined)
      return input === undefined ? { index, function: { arguments: text } } : { index, custom: { input } }
    if (input === undefined) return { index, id, type: 'function', function: { name, arguments: text } }
    return { index, id, type: 'custom', custom: { name, input } }
  }
}
