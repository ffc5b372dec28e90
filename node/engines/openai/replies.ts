import { z } from 'zod'
import { EngineFailedError } from '../../../protocols/errors.ts'
import type {
  Delta,
  FinishReason,
  Logprob,
  ToolCallDelta,
  Usage
} from '../../../protocols/inference/index.ts'
import type { EngineEvent } from '../engine.ts'
import { newToolCallId } from '../tool-call-id.ts'
import { SERVER } from './client.ts'

const count = z.number().int().min(0)
const tokenLogprob = z.object({ token: z.string(), logprob: z.number() })

const usage = z.object({
  prompt_tokens: count,
  completion_tokens: count.default(0),
  prompt_tokens_details: z.object({ cached_tokens: count.nullish() }).nullish(),
  completion_tokens_details: z.object({ reasoning_tokens: count.nullish() }).nullish()
})

const common = { index: count.default(0), finish_reason: z.string().nullish() }

const toolCall = z.object({
  index: count.max(1023).default(0),
  id: z.string().nullish(),
  function: z.object({ name: z.string().nullish(), arguments: z.string().nullish() }).default({})
})

/** One event of `/v1/chat/completions`. */
export const chatChunk = z.object({
  usage: usage.nullish(),
  choices: z.array(
    z.object({
      ...common,
      delta: z
        .object({
          content: z.string().nullish(),
          // Servers disagree about the name; these two are in use.
          reasoning_content: z.string().nullish(),
          reasoning: z.string().nullish(),
          tool_calls: z.array(toolCall).nullish()
        })
        .default({}),
      logprobs: z
        .object({
          content: z.array(tokenLogprob.extend({ top_logprobs: z.array(tokenLogprob).nullish() })).nullish()
        })
        .nullish()
    })
  )
})
type Chunk = z.infer<typeof chatChunk>
type Choice = Chunk['choices'][number]

/** A tool call as far as it has come. */
interface Call {
  /** Its place among the calls of the answer. */
  index: number
  id: string
  named: boolean
  /** Arguments that came before the name. */
  held: string
}

/** One event of `/v1/completions`, in the shape of the other. */
export const completionChunk = z
  .object({ usage: usage.nullish(), choices: z.array(z.object({ ...common, text: z.string().default('') })) })
  .transform(({ choices, ...chunk }): Chunk => ({
    ...chunk,
    choices: choices.map(({ text, ...choice }) => ({ ...choice, delta: { content: text } }))
  }))

const FINISH_REASONS: Record<string, FinishReason> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter'
}

/** Turns the events of one stream into ours. */
export class OpenaiReply {
  readonly #promptEstimate: number
  /** The latest call under each index of the server's. */
  readonly #calls = new Map<number, Call>()
  #callCount = 0
  #tokens = 0
  #finishReason: FinishReason | undefined
  #usage: Usage | undefined

  /** `promptEstimate` stands in where the server does not count. */
  constructor(promptEstimate: number) {
    this.#promptEstimate = promptEstimate
  }

  *deltas(chunk: Chunk): Iterable<EngineEvent> {
    if (chunk.usage) this.#usage = toUsage(chunk.usage)
    const choice = chunk.choices[0]
    if (choice === undefined) return
    const delta = this.#delta(choice)
    if (choice.finish_reason) this.#finish(choice.finish_reason)
    if (Object.keys(delta).length === 0) return
    delta.tokens = delta.logprobs?.length ?? 1
    this.#tokens += delta.tokens
    yield { type: 'delta', delta }
  }

  /** The last event. Throws EngineFailedError when the server did not say why it ended, or whom a tool call calls. */
  end(): EngineEvent {
    if (this.#calls.values().some(({ named }) => !named)) {
      throw new EngineFailedError(`${SERVER} sent a tool call without a name`)
    }
    if (this.#finishReason === undefined) {
      throw new EngineFailedError(`${SERVER} ended the answer without a finish_reason`)
    }
    const usage = this.#usage ?? { promptTokens: this.#promptEstimate, completionTokens: this.#tokens }
    return { type: 'end', finishReason: this.#finishReason, usage }
  }

  #finish(reason: string): void {
    const known = FINISH_REASONS[reason]
    if (known === undefined) {
      throw new EngineFailedError(`${SERVER} ended the answer with the reason ${JSON.stringify(reason)}`)
    }
    // Some servers say "stop" after a tool call.
    this.#finishReason = known === 'stop' && this.#calls.size > 0 ? 'tool_calls' : known
  }

  #delta({ delta, logprobs }: Choice): Delta {
    const reasoning = delta.reasoning_content ?? delta.reasoning
    const calls = delta.tool_calls?.flatMap((call) => this.#toolCall(call)) ?? []
    return {
      ...(delta.content ? { content: delta.content } : {}),
      ...(reasoning ? { reasoning } : {}),
      ...(calls.length > 0 ? { toolCalls: calls } : {}),
      ...(logprobs?.content && logprobs.content.length > 0
        ? { logprobs: logprobs.content.map(toLogprob) }
        : {})
    }
  }

  #toolCall(call: z.infer<typeof toolCall>): ToolCallDelta[] {
    const { name, arguments: text } = call.function
    let known = this.#calls.get(call.index)
    // Some servers give all calls the same index: one with another id and a name is another call.
    const another = known?.named === true && Boolean(name) && Boolean(call.id) && call.id !== known.id
    if (known === undefined || another) {
      const id = call.id ? call.id : newToolCallId()
      known = { index: this.#callCount++, id, named: false, held: '' }
      this.#calls.set(call.index, known)
    }
    const { index, id } = known
    if (known.named) return text ? [{ index, arguments: text }] : []
    // The name goes with the call's first delta: what comes before it waits.
    known.held += text ?? ''
    if (!name) return []
    known.named = true
    return [{ index, id, name, ...(known.held === '' ? {} : { arguments: known.held }) }]
  }
}

function toLogprob(
  entry: z.infer<typeof tokenLogprob> & { top_logprobs?: z.infer<typeof tokenLogprob>[] | null }
): Logprob {
  const { token, logprob, top_logprobs: top } = entry
  return {
    token,
    logprob,
    ...(top ? { top: top.map((other) => ({ token: other.token, logprob: other.logprob })) } : {})
  }
}

function toUsage(counted: z.infer<typeof usage>): Usage {
  const cached = counted.prompt_tokens_details?.cached_tokens
  const reasoning = counted.completion_tokens_details?.reasoning_tokens
  return {
    promptTokens: counted.prompt_tokens,
    completionTokens: counted.completion_tokens,
    ...(cached == null ? {} : { cachedTokens: cached }),
    ...(reasoning == null ? {} : { reasoningTokens: reasoning })
  }
}
