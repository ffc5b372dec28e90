import type { ToolCallDelta } from '../../protocols/inference/index.ts'
import { FreeFormInput } from '../answer/free-form-input.ts'
import { newId } from '../answer/identifiers.ts'
import { isWhole } from '../answer/tool-input.ts'
import type { Emit, Item } from './response-items.ts'
import type { CalledTool } from './responses-tools.ts'

/** A call of a function or of a free-form tool. Several may be under way at once, where an engine mixes their pieces. */
export class CallItem implements Item {
  readonly #emit: Emit
  readonly #id: string
  readonly #outputIndex: number
  readonly #tool: CalledTool
  readonly #callId: string
  /** The text of a call of a free-form tool. */
  readonly #input: FreeFormInput | undefined
  #arguments = ''

  constructor(
    { id = '', name = '' }: ToolCallDelta,
    tool: CalledTool | undefined,
    outputIndex: number,
    emit: Emit
  ) {
    this.#emit = emit
    this.#outputIndex = outputIndex
    this.#tool = tool ?? { name, custom: false }
    this.#callId = id
    this.#input = this.#tool.custom ? new FreeFormInput() : undefined
    this.#id = newId(this.#tool.custom ? 'ctc_' : 'fc_')
  }

  get whole(): boolean {
    return isWhole(this.#arguments)
  }

  add(text: string): void {
    if (text === '') return
    this.#arguments += text
    if (this.#input === undefined) this.#event('response.function_call_arguments.delta', { delta: text })
    else this.#inputDelta(this.#input.add(text))
  }

  close(): void {
    const { name } = this.#tool
    if (this.#input === undefined) {
      this.#event('response.function_call_arguments.done', { name, arguments: this.#arguments })
    } else {
      this.#inputDelta(this.#input.end())
      this.#event('response.custom_tool_call_input.done', { input: this.#input.text })
    }
  }

  object(status: string): object {
    const { name, namespace } = this.#tool
    const call = { call_id: this.#callId, name, ...(namespace === undefined ? {} : { namespace }) }
    return this.#input === undefined
      ? { id: this.#id, type: 'function_call', status, ...call, arguments: this.#arguments }
      : { id: this.#id, type: 'custom_tool_call', status, ...call, input: this.#input.text }
  }

  #inputDelta(delta: string): void {
    if (delta !== '') this.#event('response.custom_tool_call_input.delta', { delta })
  }

  #event(type: string, fields: object): void {
    this.#emit(type, { item_id: this.#id, output_index: this.#outputIndex, ...fields })
  }
}
