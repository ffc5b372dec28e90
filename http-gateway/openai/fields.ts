import type { FinishReason, Logprob, Usage } from '../../protocols/inference/index.ts'
import type { Ends } from '../answer/answers.ts'

/** The event that ends OpenAI's older streams. */
export const DONE = 'data: [DONE]\n\n'

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

export function toUsage(usage: Usage): UsageField {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 }
  }
}

/** The total usage of several answers: each was an order of its own, including its prompt. */
export function totalUsage(ends: Ends): Required<Usage> {
  const sum = (count: (usage: Usage) => number): number =>
    ends.reduce((total, { usage }) => total + count(usage), 0)
  return {
    promptTokens: sum((usage) => usage.promptTokens),
    completionTokens: sum((usage) => usage.completionTokens),
    cachedTokens: sum((usage) => usage.cachedTokens ?? 0),
    reasoningTokens: sum((usage) => usage.reasoningTokens ?? 0)
  }
}

/** Why a choice ended, in the words of tools or of the functions before them. */
export function toFinishReason(reason: FinishReason, legacyFunctions: boolean): string {
  return legacyFunctions && reason === 'tool_calls' ? 'function_call' : reason
}

export function toLogprobs(logprobs: Logprob[]): LogprobsField {
  return logprobs.map(({ top = [], ...own }) => ({ ...toLogprob(own), top_logprobs: top.map(toLogprob) }))
}

function toLogprob({ token, logprob, bytes }: Omit<Logprob, 'top'>): LogprobField {
  return { token, logprob, bytes: bytes ?? [...Buffer.from(token)] }
}
