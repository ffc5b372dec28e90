import type { Delta, Logprob } from '../../protocols/inference/index.ts'
import type { Ends } from '../answer/answers.ts'
import type { DocumentFormat, StreamFormat } from '../answer/deliver.ts'
import type { SseWriter } from '../answer/sse-writer.ts'
import { JSON_LINES } from '../answer/stream-kind.ts'
import { toInput } from '../answer/tool-input.ts'
import { Transcript, type ToolCall } from '../answer/transcript.ts'
import type { Failure } from '../failures.ts'
import { calledAs } from '../model-names.ts'
import { toLogprobs } from '../openai/fields.ts'
import { toOllamaError } from './errors.ts'

interface Piece {
  content?: string
  reasoning?: string
  toolCalls?: ToolCall[]
}

/** The fields in which an endpoint tells a piece of an answer. */
export type PieceFields = (piece: Piece) => object

export const chatFields: PieceFields = ({ content = '', reasoning = '', toolCalls = [] }) => ({
  message: {
    role: 'assistant',
    content,
    ...(reasoning === '' ? {} : { thinking: reasoning }),
    ...(toolCalls.length === 0
      ? {}
      : {
          tool_calls: toolCalls.map(({ id, name, arguments: text }, index) => ({
            id,
            function: { index, name, arguments: toInput(text) }
          }))
        })
  }
})

export const generateFields: PieceFields = ({ content = '', reasoning = '' }) => ({
  response: content,
  ...(reasoning === '' ? {} : { thinking: reasoning })
})

/** The answer to a request that only wants a model loaded, or let go: contributors see to that themselves. */
export function loadDocument(
  model: string,
  keepAlive: string | number | null | undefined,
  fields: PieceFields
): object {
  const unload = keepAlive != null && Number.parseFloat(String(keepAlive)) === 0
  return {
    model,
    created_at: new Date().toISOString(),
    ...fields({}),
    done_reason: unload ? 'unload' : 'load',
    done: true
  }
}

/** An answer as Ollama's lines of JSON, or as the one document that they add up to. */
export class AnswerLines implements StreamFormat, DocumentFormat {
  readonly kind = JSON_LINES
  readonly #model: string
  readonly #fields: PieceFields
  readonly #transcript = new Transcript()
  readonly #startedAt = performance.now()
  #firstAt: number | undefined

  /** `model` is called as the client called it, which is what Ollama does. */
  constructor(model: string, fields: PieceFields) {
    this.#model = model
    this.#fields = fields
  }

  delta(delta: Delta, out?: SseWriter | number): void {
    this.#firstAt ??= performance.now()
    this.#transcript.add(delta)
    // Calls are whole here, so they wait for the end.
    const { content = '', reasoning = '', logprobs = [] } = delta
    if (typeof out !== 'object' || (content === '' && reasoning === '' && logprobs.length === 0)) return
    out.write(
      this.#line({ ...this.#fields({ content, reasoning }), ...logprobsField(logprobs), done: false })
    )
  }

  end(ends: Ends, out: SseWriter): void
  end(ends: Ends, model: string): object
  end([end]: Ends, out: SseWriter | string): object | undefined {
    const { content, reasoning, toolCalls, logprobs } = this.#transcript
    const last = {
      done: true,
      done_reason: end.finishReason === 'length' ? 'length' : 'stop',
      ...this.#durations(),
      prompt_eval_count: end.usage.promptTokens,
      eval_count: end.usage.completionTokens
    }
    if (typeof out === 'string') {
      return this.#document({
        model: calledAs(this.#model, out),
        ...this.#fields({ content, reasoning, toolCalls }),
        ...logprobsField(logprobs),
        ...last
      })
    }
    if (toolCalls.length > 0) out.write(this.#line({ ...this.#fields({ toolCalls }), done: false }))
    const { receipt, earlier } = end
    const receipts = { lobstah_receipt: receipt, lobstah_earlier_receipts: earlier }
    out.write(this.#line({ ...this.#fields({}), ...last, ...receipts }))
    return undefined
  }

  failure(failure: Failure): string {
    return `${JSON.stringify(toOllamaError(failure))}\n`
  }

  #document(fields: object): object {
    return { model: this.#model, created_at: new Date().toISOString(), ...fields }
  }

  #line(fields: object): string {
    return `${JSON.stringify(this.#document(fields))}\n`
  }

  /** In nanoseconds, as seen from here: the way there and back is in them. */
  #durations(): object {
    const now = performance.now()
    const first = this.#firstAt ?? now
    return {
      total_duration: nanoseconds(now - this.#startedAt),
      load_duration: 0,
      prompt_eval_duration: nanoseconds(first - this.#startedAt),
      eval_duration: nanoseconds(now - first)
    }
  }
}

function logprobsField(logprobs: Logprob[]): object {
  return logprobs.length === 0 ? {} : { logprobs: toLogprobs(logprobs) }
}

function nanoseconds(ms: number): number {
  return Math.max(1, Math.round(ms * 1e6))
}
