import {
  anyObject,
  either,
  exactly,
  fields,
  id,
  integer,
  list,
  nothing,
  orNull,
  string,
  type Schema
} from './shared.ts'

const deltaUsage = {
  input_tokens: integer,
  output_tokens: integer,
  output_tokens_details: orNull(fields({ thinking_tokens: integer })),
  cache_creation_input_tokens: integer,
  cache_read_input_tokens: integer,
  server_tool_use: nothing
}
const usage = fields({
  ...deltaUsage,
  cache_creation: nothing,
  inference_geo: nothing,
  service_tier: exactly('standard'),
  speed: nothing
})

const text = (content: Schema): Schema =>
  fields({ type: exactly('text'), text: content, citations: { type: 'array', maxItems: 0 } })
const thinking = (content: Schema): Schema =>
  fields({ type: exactly('thinking'), thinking: content, signature: exactly('') })
const toolUse = (input: Schema): Schema =>
  fields({
    type: exactly('tool_use'),
    id: string,
    name: string,
    input,
    caller: fields({ type: exactly('direct') })
  })

const stopReason = exactly('end_turn', 'max_tokens', 'tool_use', 'refusal')

function messageOf(content: Schema, reason: Schema): Schema {
  return fields({
    id: id('msg_'),
    type: exactly('message'),
    role: exactly('assistant'),
    model: string,
    content,
    container: nothing,
    diagnostics: nothing,
    stop_reason: reason,
    stop_sequence: nothing,
    stop_details: nothing,
    usage
  })
}

export const message = messageOf(list(either(text(string), thinking(string), toolUse(anyObject))), stopReason)

const empty = exactly('')
const inBlock = { index: integer }

/** The fields of each event besides its type. */
const EVENTS: Record<string, Record<string, Schema>> = {
  message_start: { message: messageOf(list(false), nothing) },
  ping: {},
  content_block_start: {
    ...inBlock,
    content_block: either(text(empty), thinking(empty), toolUse(fields({})))
  },
  content_block_delta: {
    ...inBlock,
    delta: either(
      fields({ type: exactly('text_delta'), text: string }),
      fields({ type: exactly('thinking_delta'), thinking: string }),
      fields({ type: exactly('signature_delta'), signature: empty }),
      fields({ type: exactly('input_json_delta'), partial_json: string })
    )
  },
  content_block_stop: inBlock,
  message_delta: {
    delta: fields({
      container: nothing,
      stop_reason: stopReason,
      stop_sequence: nothing,
      stop_details: nothing
    }),
    usage: fields(deltaUsage)
  },
  message_stop: {}
}

export const messageEvents: Record<string, Schema> = Object.fromEntries(
  Object.entries(EVENTS).map(([type, own]) => [type, fields({ type: exactly(type), ...own })])
)

export const errorDocument = fields({
  type: exactly('error'),
  error: fields({ type: string, message: string, code: string, param: orNull(string) }),
  request_id: orNull(string)
})

export const tokenCount = fields({ input_tokens: integer })
