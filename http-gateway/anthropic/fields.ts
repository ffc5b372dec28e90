import type { FinishReason, Usage } from '../../protocols/inference/index.ts'
import type { EndEvent } from '../answer/answer.ts'
import { newId } from '../answer/identifiers.ts'

/** Anthropic's reasons. Which stop text ended an answer nobody tells, so that `stop_sequence` is never said. */
function toStopReason(reason: FinishReason): string {
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

/** A message; `reason` is null as long as it is not over. */
export function toMessage(
  model: string,
  content: object[],
  reason: FinishReason | null,
  usage: Usage
): object {
  return {
    id: newId('msg_'),
    type: 'message',
    role: 'assistant',
    model,
    content,
    container: null,
    diagnostics: null,
    stop_reason: reason === null ? null : toStopReason(reason),
    stop_sequence: null,
    stop_details: null,
    usage: {
      ...toUsage(usage),
      cache_creation: null,
      inference_geo: null,
      service_tier: 'standard',
      speed: null
    }
  }
}

/** The last event but one of a stream: the stop reason and the usage. */
export function toMessageDelta({ finishReason, usage }: EndEvent): object {
  return {
    delta: {
      container: null,
      stop_reason: toStopReason(finishReason),
      stop_sequence: null,
      stop_details: null
    },
    usage: toUsage(usage)
  }
}

/** Anthropic counts cached tokens apart from the others. */
function toUsage({ promptTokens, completionTokens, cachedTokens = 0, reasoningTokens }: Usage): object {
  return {
    input_tokens: promptTokens - cachedTokens,
    output_tokens: completionTokens,
    output_tokens_details: reasoningTokens === undefined ? null : { thinking_tokens: reasoningTokens },
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
    server_tool_use: null
  }
}
