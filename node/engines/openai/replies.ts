import { EngineFailedError } from '../../../protocols/errors.ts'
import type { Delta, FinishReason, Logprob, Usage } from '../../../protocols/inference/index.ts'
import type { EngineEvent } from '../engine.ts'
import { quote } from '../errors.ts'
import { toLogprob } from '../logprobs.ts'
import { chunk, textsIn, toolCallsIn, type Choice, type CountedUsage, type TokenLogprobs } from './chunks.ts'
import { SERVER } from './errors.ts'
import { ToolCalls } from './tool-calls.ts'

/** Reasons that are not `stop`, in the words of the servers. A reason that nobody knows is `stop`. */
const FINISH_REASONS: readonly (readonly [RegExp, FinishReason | 'failed' | undefined])[] = [
  [/^(null|none|)$/, undefined],
  [
    /^(length|max_?(output_?)?_?(new_)?tokens|max_length|model_(context_window|length)(_exceeded)?)$/,
    'length'
  ],
  [/^(tool_?calls?|function_?calls?|tool_?use)$/, 'tool_calls'],
  [
    /^(content_filter(ed)?|safety|sensitive|refusal|recitation|blocklist|prohibited_content)$/,
    'content_filter'
  ],
  [/^(error|failed|failure|abort(ed)?|cancell?ed|network_error|insufficient_system_resource)$/, 'failed']
]

/** Turns the events of one stream into ours. */
export class OpenaiReply {
  readonly #promptEstimate: number
  readonly #calls: ToolCalls
  #tokens = 0
  /** Tokens of pieces that were held back. */
  #held = 0
  /** The first half of a character that the server cut in two. */
  #half = ''
  #finishReason: FinishReason | undefined
  #usage: CountedUsage = {}

  /** `promptEstimate` stands in where the server does not count; `tools` are the names that may be called. */
  constructor(promptEstimate: number, tools: Iterable<string> = []) {
    this.#promptEstimate = promptEstimate
    this.#calls = new ToolCalls(tools)
  }

  /** Whether the server has said why it ended. */
  get finished(): boolean {
    return this.#finishReason !== undefined
  }

  /** Handles one event, or the document of a whole answer. */
  *deltas(data: unknown): Iterable<EngineEvent> {
    const { success, data: read } = chunk.safeParse(data)
    if (!success) throw new EngineFailedError(`${SERVER} sent an event that is no part of an answer`)
    if (read.usage) this.#count(read.usage)
    const choice = read.choices?.find((one) => one != null && (one.index ?? 0) === 0)
    if (choice == null) return
    const delta = this.#delta(choice)
    // A message without a reason is a whole answer of a server that gives none.
    const whole = choice.delta == null && choice.message != null ? 'stop' : ''
    this.#finish(choice.finish_reason ?? whole)
    if (Object.keys(delta).length > 0) yield this.#counted(delta, delta.logprobs?.length ?? 1)
  }

  /** The last events. Throws EngineFailedError when the server did not say why it ended, or whom a tool call calls. */
  *end(): Iterable<EngineEvent> {
    if (this.#finishReason === undefined) {
      throw new EngineFailedError(`${SERVER} ended the answer without a finish_reason`)
    }
    const toolCalls = this.#calls.end(this.#finishReason === 'length')
    const rest = {
      ...(toolCalls.length > 0 ? { toolCalls } : {}),
      ...(this.#half === '' ? {} : { content: '\ufffd' })
    }
    if (Object.keys(rest).length > 0) yield this.#counted(rest, 0)
    yield { type: 'end', finishReason: this.#reason(this.#finishReason), usage: this.#total() }
  }

  #counted(delta: Delta, tokens: number): EngineEvent {
    delta.tokens = tokens + this.#held
    this.#held = 0
    this.#tokens += delta.tokens
    return { type: 'delta', delta }
  }

  /** Some servers say `stop` after tool calls, some `tool_calls` after none. */
  #reason(said: FinishReason): FinishReason {
    if (said === 'stop' && this.#calls.count > 0) return 'tool_calls'
    return said === 'tool_calls' && this.#calls.count === 0 ? 'stop' : said
  }

  #finish(said: string): void {
    const reason = said.toLowerCase()
    const known = FINISH_REASONS.find(([pattern]) => pattern.test(reason))
    if (known === undefined) this.#finishReason = 'stop'
    else if (known[1] === 'failed') {
      throw new EngineFailedError(`${SERVER} ended the answer with the reason ${quote(said)}`)
    } else this.#finishReason = known[1] ?? this.#finishReason
  }

  #delta(choice: Choice): Delta {
    const message = choice.delta ?? choice.message ?? {}
    const parts = textsIn(message.content)
    const content = this.#whole(parts.content + (choice.text ?? ''))
    const spoken = message.reasoning_content ?? message.reasoning ?? message.thinking
    const reasoning = textsIn(spoken).content + parts.reasoning
    const pieces = toolCallsIn(message)
    const toolCalls = this.#calls.add(pieces)
    if (pieces.length > 0 && toolCalls.length === 0) this.#held++
    const logprobs = choice.logprobs == null ? [] : toLogprobs(choice.logprobs)
    return {
      ...(content === '' ? {} : { content }),
      ...(reasoning === '' ? {} : { reasoning }),
      ...(toolCalls.length > 0 ? { toolCalls } : {}),
      ...(logprobs.length > 0 ? { logprobs } : {})
    }
  }

  /** A text without the first half of a character, which waits for its other half. */
  #whole(text: string): string {
    const joined = this.#half + text
    if (text === '') return ''
    this.#half = /[\ud800-\udbff]$/.exec(joined)?.[0] ?? ''
    return joined.slice(0, joined.length - this.#half.length)
  }

  /** Later counts replace earlier ones; one that is missing or null does not. */
  #count(usage: CountedUsage): void {
    const counted = Object.entries(usage).filter(([, value]) => value != null)
    this.#usage = { ...this.#usage, ...(Object.fromEntries(counted) as CountedUsage) }
  }

  #total(): Usage {
    const { prompt_tokens: prompt, completion_tokens: completion } = this.#usage
    const cached = this.#usage.prompt_tokens_details?.cached_tokens
    const reasoning = this.#usage.completion_tokens_details?.reasoning_tokens
    return {
      // Some servers send zeros where they do not count.
      promptTokens: prompt ? prompt : this.#promptEstimate,
      completionTokens: completion ? completion : this.#tokens,
      ...(cached == null ? {} : { cachedTokens: cached }),
      ...(reasoning == null ? {} : { reasoningTokens: reasoning })
    }
  }
}

function toLogprobs({ content, tokens, ...old }: TokenLogprobs): Logprob[] {
  if (content) return content.map(({ top_logprobs: top, ...own }) => toLogprob({ ...own, top }))
  return (tokens ?? []).map((token, place) => {
    const top = old.top_logprobs?.[place]
    return {
      token,
      logprob: old.token_logprobs?.[place] ?? 0,
      ...(top ? { top: Object.entries(top).map(([token, logprob]) => ({ token, logprob })) } : {})
    }
  })
}
