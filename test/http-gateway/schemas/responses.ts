import {
  anyObject,
  boolean,
  either,
  exactly,
  fields,
  id,
  integer,
  list,
  nothing,
  number,
  orNull,
  string,
  type Schema
} from './shared.ts'

const bytes = list({ type: 'integer', minimum: 0, maximum: 255 })
const partLogprob = { token: string, logprob: number, bytes }
const outputText = fields({
  type: exactly('output_text'),
  text: string,
  annotations: list(false),
  logprobs: list(fields({ ...partLogprob, top_logprobs: list(fields(partLogprob)) }))
})
const reasoningText = fields({ type: exactly('reasoning_text'), text: string })
const summaryText = fields({ type: exactly('summary_text'), text: string })

const status = exactly('in_progress', 'completed', 'incomplete')
const item = either(
  fields({
    id: id('msg_'),
    type: exactly('message'),
    status,
    role: exactly('assistant'),
    content: list(outputText)
  }),
  fields({
    id: id('rs_'),
    type: exactly('reasoning'),
    status,
    summary: list(summaryText),
    'content?': list(reasoningText)
  }),
  fields({
    id: id('fc_'),
    type: exactly('function_call'),
    status,
    call_id: string,
    name: string,
    arguments: string
  })
)

const tool = fields({
  type: exactly('function'),
  name: string,
  description: orNull(string),
  parameters: orNull(anyObject),
  strict: orNull(boolean)
})

const usage = fields({
  input_tokens: integer,
  input_tokens_details: fields({ cached_tokens: integer, cache_write_tokens: integer }),
  output_tokens: integer,
  output_tokens_details: fields({ reasoning_tokens: integer }),
  total_tokens: integer
})

/** The response object at one of the statuses. */
function responseOf(statusName: string): Schema {
  return fields({
    id: id('resp_'),
    object: exactly('response'),
    created_at: integer,
    completed_at: statusName === 'completed' ? integer : nothing,
    background: exactly(false),
    error: statusName === 'failed' ? fields({ code: exactly('server_error'), message: string }) : nothing,
    incomplete_details:
      statusName === 'incomplete'
        ? fields({ reason: exactly('max_output_tokens', 'content_filter') })
        : nothing,
    instructions: orNull(string),
    max_output_tokens: orNull(integer),
    max_tool_calls: nothing,
    metadata: anyObject,
    model: string,
    output: list(item),
    parallel_tool_calls: boolean,
    previous_response_id: nothing,
    reasoning: fields({ effort: orNull(string), summary: orNull(string) }),
    service_tier: exactly('default'),
    access_programs: nothing,
    status: exactly(statusName),
    store: exactly(false),
    temperature: number,
    text: fields({ format: anyObject }),
    tool_choice: either(string, anyObject),
    tools: list(tool),
    top_logprobs: integer,
    top_p: number,
    presence_penalty: number,
    frequency_penalty: number,
    safety_identifier: orNull(string),
    prompt_cache_key: orNull(string),
    truncation: exactly('disabled'),
    ...(statusName === 'failed' ? {} : { usage }),
    'user?': string
  })
}

export const completedResponse = responseOf('completed')
export const incompleteResponse = responseOf('incomplete')

const inItem = { item_id: string, output_index: integer }
const inContent = { ...inItem, content_index: integer }
const inSummary = { ...inItem, summary_index: integer }
const eventLogprobs = list(
  fields({ token: string, logprob: number, top_logprobs: list(fields({ token: string, logprob: number })) })
)
const part = either(outputText, reasoningText)

/** The fields of each event besides its type and sequence number. */
const EVENTS: Record<string, Record<string, Schema>> = {
  'response.created': { response: responseOf('in_progress') },
  'response.in_progress': { response: responseOf('in_progress') },
  'response.completed': { response: completedResponse },
  'response.incomplete': { response: incompleteResponse },
  'response.failed': { response: responseOf('failed') },
  'response.output_item.added': { output_index: integer, item },
  'response.output_item.done': { output_index: integer, item },
  'response.content_part.added': { ...inContent, part },
  'response.content_part.done': { ...inContent, part },
  'response.output_text.delta': { ...inContent, delta: string, logprobs: eventLogprobs },
  'response.output_text.done': { ...inContent, text: string, logprobs: eventLogprobs },
  'response.reasoning_text.delta': { ...inContent, delta: string },
  'response.reasoning_text.done': { ...inContent, text: string },
  'response.reasoning_summary_part.added': { ...inSummary, part: summaryText },
  'response.reasoning_summary_part.done': { ...inSummary, part: summaryText },
  'response.reasoning_summary_text.delta': { ...inSummary, delta: string },
  'response.reasoning_summary_text.done': { ...inSummary, text: string },
  'response.function_call_arguments.delta': { ...inItem, delta: string },
  'response.function_call_arguments.done': { ...inItem, name: string, arguments: string },
  error: { code: string, message: string, param: orNull(string), error: anyObject }
}

export const responseEvents: Record<string, Schema> = Object.fromEntries(
  Object.entries(EVENTS).map(([type, own]) => [
    type,
    fields({ type: exactly(type), sequence_number: integer, ...own })
  ])
)
