import { z } from 'zod'
import { EngineFailedError } from '../../../protocols/errors.ts'
import type { Delta, FinishReason } from '../../../protocols/inference/index.ts'
import type { EngineEvent } from '../engine.ts'
import { newToolCallId } from '../tool-call-id.ts'

const count = z.number().int().min(0)
const tokenLogprob = z.object({ token: z.string(), logprob: z.number() })

const common = {
  done: z.boolean(),
  done_reason: z.string().optional(),
  prompt_eval_count: count.optional(),
  eval_count: count.optional(),
  logprobs: z.array(tokenLogprob.extend({ top_logprobs: z.array(tokenLogprob).nullish() })).nullish()
}

const toolCall = z.object({
  id: z.string().optional(),
  function: z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()).nullish() })
})

/** One line of `/api/chat`. */
export const chatLine = z.object({
  ...common,
  message: z
    .object({
      content: z.string().optional(),
      thinking: z.string().optional(),
      tool_calls: z.array(toolCall).nullish()
    })
    .optional()
})

/** One line of `/api/generate`, in the shape of the other. */
export const generateLine = z
  .object({ ...common, response: z.string().optional(), thinking: z.string().optional() })
  .transform(({ response, thinking, ...line }) => ({ ...line, message: { content: response, thinking } }))

type Line = z.infer<typeof chatLine>

/** Turns the lines of one answer into events. */
export class OllamaReply {
  readonly #promptEstimate: number
  readonly #oneCallOnly: boolean
  #tokens = 0
  #calls = 0

  /** `promptEstimate` stands in where Ollama does not count; `oneCallOnly` drops all tool calls but one. */
  constructor(promptEstimate: number, oneCallOnly: boolean) {
    this.#promptEstimate = promptEstimate
    this.#oneCallOnly = oneCallOnly
  }

  *events(line: Line): Iterable<EngineEvent> {
    const delta = this.#delta(line)
    if (delta !== undefined) yield { type: 'delta', delta }
    if (!line.done) return
    yield {
      type: 'end',
      finishReason: this.#finishReason(line.done_reason),
      usage: {
        promptTokens: line.prompt_eval_count ?? this.#promptEstimate,
        completionTokens: line.eval_count ?? this.#tokens
      }
    }
  }

  #delta(line: Line): Delta | undefined {
    const { content, thinking, tool_calls: calls } = line.message ?? {}
    const delta: Delta = {}
    if (content) delta.content = content
    if (thinking) delta.reasoning = thinking
    const wanted = this.#oneCallOnly ? (calls ?? []).slice(0, this.#calls === 0 ? 1 : 0) : (calls ?? [])
    if (wanted.length > 0) {
      delta.toolCalls = wanted.map((call) => ({
        index: this.#calls++,
        id: call.id ? call.id : newToolCallId(),
        name: call.function.name,
        arguments: JSON.stringify(call.function.arguments ?? {})
      }))
    }
    if (line.logprobs && line.logprobs.length > 0) {
      delta.logprobs = line.logprobs.map(({ token, logprob, top_logprobs: top }) => ({
        token,
        logprob,
        ...(top ? { top: top.map((other) => ({ token: other.token, logprob: other.logprob })) } : {})
      }))
    }
    if (Object.keys(delta).length === 0) return undefined
    // A line stands for one token; the last one for those that Ollama held back to read its tool calls.
    const rest = line.done && line.eval_count !== undefined ? Math.max(0, line.eval_count - this.#tokens) : 1
    delta.tokens = delta.logprobs?.length ?? rest
    this.#tokens += delta.tokens
    return delta
  }

  #finishReason(reason: string | undefined): FinishReason {
    if (reason === 'length') return 'length'
    if (reason === undefined || reason === '' || reason === 'stop')
      return this.#calls > 0 ? 'tool_calls' : 'stop'
    throw new EngineFailedError(`Ollama ended the answer with the reason ${JSON.stringify(reason)}`)
  }
}
