import type { Usage } from '../../protocols/inference/index.ts'
import { newId } from '../answer/identifiers.ts'
import { nowInSeconds } from './fields.ts'
import type { ResponsesBody } from './responses-request.ts'
import type { ResponsesTool } from './responses-tools.ts'
import { withoutNulls } from './sampling.ts'

/** How far a response has come. */
export interface ResponseState {
  status: 'in_progress' | 'completed' | 'incomplete' | 'failed'
  output: object[]
  usage?: Usage
  error?: { code: string; message: string }
  incompleteReason?: 'max_output_tokens' | 'content_filter'
}

/** Makes the `response` object at any state: what the client asked for is repeated in it. */
export class ResponseObject {
  readonly #fields: object

  constructor(body: ResponsesBody, model: string) {
    this.#fields = {
      id: newId('resp_'),
      object: 'response',
      created_at: nowInSeconds(),
      background: false,
      instructions: body.instructions ?? null,
      max_output_tokens: body.max_output_tokens ?? null,
      max_tool_calls: null,
      metadata: body.metadata ?? {},
      model,
      parallel_tool_calls: body.parallel_tool_calls ?? true,
      previous_response_id: null,
      reasoning: { effort: body.reasoning?.effort ?? null, summary: body.reasoning?.summary ?? null },
      service_tier: 'default',
      access_programs: null,
      store: false,
      // OpenAI's defaults; an engine's own defaults are unknown.
      temperature: body.temperature ?? 1,
      text: { format: body.text?.format ?? { type: 'text' } },
      tool_choice: body.tool_choice ?? 'auto',
      tools: (body.tools ?? []).filter((tool) => tool !== undefined).map(toEcho),
      top_logprobs: body.top_logprobs ?? 0,
      top_p: body.top_p ?? 1,
      presence_penalty: body.presence_penalty ?? 0,
      frequency_penalty: body.frequency_penalty ?? 0,
      truncation: 'disabled',
      safety_identifier: body.safety_identifier ?? null,
      prompt_cache_key: body.prompt_cache_key ?? null,
      ...(body.user == null ? {} : { user: body.user })
    }
  }

  at({ status, output, usage, error, incompleteReason }: ResponseState): object {
    return {
      ...this.#fields,
      status,
      completed_at: status === 'completed' ? nowInSeconds() : null,
      error: error ?? null,
      incomplete_details: incompleteReason === undefined ? null : { reason: incompleteReason },
      output,
      ...(usage === undefined ? {} : { usage: toResponseUsage(usage) })
    }
  }
}

function toResponseUsage(usage: Usage): object {
  return {
    input_tokens: usage.promptTokens,
    input_tokens_details: { cached_tokens: usage.cachedTokens ?? 0, cache_write_tokens: 0 },
    output_tokens: usage.completionTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
    total_tokens: usage.promptTokens + usage.completionTokens
  }
}

/** A tool as OpenAI repeats it: a function's fields are null where they were left out. */
function toEcho(tool: NonNullable<ResponsesTool>): object {
  if (tool.type !== 'function') return withoutNulls(tool)
  const { description, parameters, strict, ...rest } = tool
  return {
    ...rest,
    description: description ?? null,
    parameters: parameters ?? null,
    strict: strict ?? null
  }
}
