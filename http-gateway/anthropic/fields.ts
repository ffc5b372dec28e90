import type { FinishReason, Usage } from '../../protocols/inference/index.ts'

/** Anthropic's reasons. Which stop text ended an answer nobody tells, so that `stop_sequence` is never said. */
export function toStopReason(reason: FinishReason): string {
  switch (reason) {
    case 'length':
      return 'max_tokens'
    case 'tool_calls':
      return 'tool_use'
    case 'content_filter':
      return 'refusal'
    default:
      return 'end_turn'
  }
}

/** Anthropic counts cached tokens apart from the others. */
export function toUsage({ promptTokens, completionTokens, cachedTokens = 0 }: Usage): {
  input_tokens: number
  output_tokens: number
  cache_creation_input_tokens: number
  cache_read_input_tokens: number
} {
  return {
    input_tokens: promptTokens - cachedTokens,
    output_tokens: completionTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens
  }
}
