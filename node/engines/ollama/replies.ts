import { z } from 'zod'
import { EngineFailedError } from '../../../protocols/errors.ts'
import type { Delta, FinishReason, GenerateRequest } from '../../../protocols/inference/index.ts'
import type { EngineEvent } from '../engine.ts'
import { toLogprob } from '../logprobs.ts'
import { textOf } from '../prompt.ts'
import { newToolCallId } from '../tool-call-id.ts'
import { Echo } from './echo.ts'
import { readArguments } from './tool-arguments.ts'

const count = z.number().int().min(0)
const bytes = z.array(z.number().int().min(0).max(255)).nullish().catch(undefined)
const tokenLogprob = z.object({ token: z.string(), logprob: z.number(), bytes })

const common = {
  done: z.boolean(),
  done_reason: z.string().optional(),
  prompt_eval_count: count.optional(),
  prompt_eval_duration: count.optional(),
  eval_count: count.optional(),
  logprobs: z.array(tokenLogprob.extend({ top_logprobs: z.array(tokenLogprob).nullish() })).nullish()
}

const toolCall = z.object({
  id: z.string().optional(),
  function: z.object({ name: z.string(), arguments: z.unknown() })
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

/** One line of an answer. */
export type Line = z.infer<typeof chatLine>

/** Equal pieces at the end of an answer by which Ollama, up to 0.12, has ended it: its own limit is 30. */
const REPEATED_PIECES = 30

/** The message that the package throws if a stream ends without its last line. */
const UNFINISHED = /did not receive done/i

/** The error that later versions of Ollama send in mid-stream instead. */
const REPETITION = /token repeat limit/i

/** Turns the lines of one answer into events. */
export class OllamaReply {
  readonly #promptEstimate: number
  readonly #oneCallOnly: boolean
  readonly #tools: ReadonlyMap<string, unknown>
  #tokens = 0
  #calls = 0
  #last: string | undefined
  #equal = 0
  readonly #echo: Echo

  /** `promptEstimate` stands in where Ollama does not count; `echoes` says that a continued message comes back first. */
  constructor(promptEstimate: number, request: GenerateRequest, echoes = false) {
    this.#promptEstimate = promptEstimate
    const tools = request.kind === 'chat' ? request.tools : undefined
    const last =
      request.kind === 'chat' && request.continue_final_message ? request.messages.at(-1) : undefined
    this.#echo = new Echo(last === undefined ? '' : textOf(last), echoes)
    this.#oneCallOnly = request.kind === 'chat' && request.parallel_tool_calls === false
    this.#tools = new Map(tools?.map((tool) => [tool.function.name, tool.function.parameters]))
  }

  /**
   * The end of an answer that broke off because the model repeated itself: it would do the same anywhere, so this is
   * no failure. Undefined for an answer that broke off for another reason.
   */
  brokenOff(err: unknown): EngineEvent | undefined {
    const said = err instanceof Error && REPETITION.test(err.message) && this.#tokens > 0
    const silent = err instanceof Error && UNFINISHED.test(err.message) && this.#equal >= REPEATED_PIECES
    if (!said && !silent) return undefined
    const usage = { promptTokens: this.#promptEstimate, completionTokens: this.#tokens }
    return { type: 'end', finishReason: 'length', usage }
  }

  *events(line: Line): Iterable<EngineEvent> {
    this.#watchRepetition(line)
    const delta = this.#delta(line)
    const passed = delta === undefined ? [] : this.#echo.pass(delta)
    if (line.done) passed.push(...this.#echo.rest())
    for (const delta of passed) yield { type: 'delta', delta }
    if (!line.done) return
    yield {
      type: 'end',
      finishReason: this.#finishReason(line.done_reason),
      usage: {
        promptTokens: line.prompt_eval_count ?? this.#promptEstimate,
        completionTokens: line.eval_count ?? this.#tokens - this.#echo.tokens
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
        arguments: readArguments(call.function.arguments, this.#tools.get(call.function.name))
      }))
    }
    if (line.logprobs && line.logprobs.length > 0) {
      delta.logprobs = line.logprobs.map(({ top_logprobs: top, ...own }) => toLogprob({ ...own, top }))
    }
    if (Object.keys(delta).length === 0) return undefined
    // A line stands for one token; the last one for those that Ollama held back to read its tool calls.
    const rest = line.done && line.eval_count !== undefined ? Math.max(0, line.eval_count - this.#tokens) : 1
    delta.tokens = delta.logprobs?.length ?? rest
    this.#tokens += delta.tokens
    return delta
  }

  #watchRepetition({ done, message }: Line): void {
    if (done) return
    const piece = ((message?.content ?? '') || (message?.thinking ?? '')).trim()
    this.#equal = piece === this.#last ? this.#equal + 1 : 1
    this.#last = piece
  }

  #finishReason(reason: string | undefined): FinishReason {
    if (reason === 'length') return 'length'
    if (reason === undefined || reason === '' || reason === 'stop')
      return this.#calls > 0 ? 'tool_calls' : 'stop'
    throw new EngineFailedError(`Ollama ended the answer with the reason ${JSON.stringify(reason)}`)
  }
}
