import {
  anyObject,
  either,
  exactly,
  fields,
  id,
  integer,
  list,
  number,
  orNull,
  string,
  type Schema
} from './shared.ts'

export const errorEnvelope = fields({
  error: fields({ message: string, type: string, param: orNull(string), code: string })
})

const usage = fields({
  prompt_tokens: integer,
  completion_tokens: integer,
  total_tokens: integer,
  prompt_tokens_details: fields({ cached_tokens: integer }),
  completion_tokens_details: fields({ reasoning_tokens: integer })
})

const tokenLogprob = {
  token: string,
  logprob: number,
  bytes: list({ type: 'integer', minimum: 0, maximum: 255 })
}
const chatLogprobs = fields({
  content: list(fields({ ...tokenLogprob, top_logprobs: list(fields(tokenLogprob)) })),
  refusal: { type: 'null' }
})

const call = fields({ name: string, arguments: string })
const finishReason = exactly('stop', 'length', 'tool_calls', 'content_filter', 'function_call')

export const chatCompletion = fields({
  id: id('chatcmpl-'),
  object: exactly('chat.completion'),
  created: integer,
  model: string,
  choices: list(
    fields({
      index: integer,
      message: fields({
        role: exactly('assistant'),
        content: orNull(string),
        refusal: { type: 'null' },
        'reasoning_content?': string,
        'reasoning?': string,
        'tool_calls?': list(fields({ id: string, type: exactly('function'), function: call }), {
          minItems: 1
        }),
        'function_call?': call
      }),
      logprobs: orNull(chatLogprobs),
      finish_reason: finishReason
    }),
    { minItems: 1 }
  ),
  usage
})

const firstCallDelta = fields({ index: integer, id: string, type: exactly('function'), function: call })
const laterCallDelta = fields({ index: integer, function: fields({ arguments: string }) })

export const chatCompletionChunk = fields({
  id: id('chatcmpl-'),
  object: exactly('chat.completion.chunk'),
  created: integer,
  model: string,
  choices: list(
    fields({
      index: integer,
      delta: fields({
        'role?': exactly('assistant'),
        'content?': string,
        'reasoning_content?': string,
        'reasoning?': string,
        'tool_calls?': list(either(firstCallDelta, laterCallDelta), { minItems: 1 }),
        'function_call?': fields({ 'name?': string, arguments: string })
      }),
      logprobs: orNull(chatLogprobs),
      finish_reason: orNull(finishReason)
    })
  ),
  'usage?': orNull(usage)
})

const completionLogprobs = fields({
  tokens: list(string),
  token_logprobs: list(number),
  top_logprobs: list({ type: 'object', additionalProperties: number }),
  text_offset: list(integer)
})

/** Of documents; in events the finish reason may be null, and usage missing. */
function completionOf(finish: Schema, usageField: Record<string, Schema>): Schema {
  return fields({
    id: id('cmpl-'),
    object: exactly('text_completion'),
    created: integer,
    model: string,
    choices: list(
      fields({ text: string, index: integer, logprobs: orNull(completionLogprobs), finish_reason: finish })
    ),
    ...usageField
  })
}
const completionReason = exactly('stop', 'length', 'content_filter')
export const completion = completionOf(completionReason, { usage })
export const completionChunk = completionOf(orNull(completionReason), { 'usage?': orNull(usage) })

export const embeddingList = fields({
  object: exactly('list'),
  data: list(
    fields({
      object: exactly('embedding'),
      index: integer,
      embedding: either(list(number), { type: 'string', pattern: '^[A-Za-z0-9+/]+=*$' })
    })
  ),
  model: string,
  usage: fields({ prompt_tokens: integer, total_tokens: integer })
})

export const modelObject = fields({
  id: string,
  object: exactly('model'),
  created: integer,
  owned_by: string,
  context_length: integer,
  context_window: integer,
  max_model_len: integer,
  lobstah: anyObject
})
export const modelList = fields({ object: exactly('list'), data: list(modelObject) })
