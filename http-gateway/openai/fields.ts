import type { Logprob, ToolCallDelta, Usage } from '../../protocols/inference/index.ts'
import { randomUUID } from 'node:crypto'

/** OpenAI's token counts. */
export interface UsageField {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
  completion_tokens_details: { reasoning_tokens: number }
}

interface LogprobField {
  token: string
  logprob: number
  bytes: number[]
}

/** OpenAI's log probabilities of one piece of content. */
export type LogprobsField = (LogprobField & { top_logprobs: LogprobField[] })[]

/** Seconds since 1970, as OpenAI dates things. */
export function nowInSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

/** `chatcmpl-…` and the like. */
export function newId(prefix: string): string {
  return prefix + randomUUID().replaceAll('-', '')
}

export function toUsage(usage: Usage): UsageField {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 }
  }
}

export function toLogprobs(logprobs: Logprob[]): LogprobsField {
  return logprobs.map(({ top = [], ...own }) => ({ ...toLogprob(own), top_logprobs: top.map(toLogprob) }))
}

function toLogprob({ token, logprob }: Omit<Logprob, 'top'>): LogprobField {
  return { token, logprob, bytes: [...Buffer.from(token)] }
}

/** Sees to it that every tool call's first delta has an id: clients cannot answer a call without one. */
export class ToolCallIds {
  readonly #known = new Set<number>()

  /** The delta, with an id if it is its call's first; later ones go on without. */
  identify(delta: ToolCallDelta): ToolCallDelta {
    if (this.#known.has(delta.index)) return delta
    this.#known.add(delta.index)
    return delta.id === undefined ? { ...delta, id: newId('call_') } : delta
  }
}
