import { anyObject, exactly, fields, integer, list, number, orNull, string, type Schema } from './shared.ts'

const time: Schema = { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z$' }
const token = { token: string, logprob: number, bytes: list(integer) }
const logprobs = list(fields({ ...token, top_logprobs: list(fields(token)) }))

const call = fields({ id: string, function: fields({ index: integer, name: string, arguments: anyObject }) })
const PIECES: Record<'chat' | 'generate', Record<string, Schema>> = {
  chat: {
    message: fields({
      role: exactly('assistant'),
      content: string,
      'thinking?': string,
      'tool_calls?': list(call, { minItems: 1 })
    })
  },
  generate: { response: string, 'thinking?': string }
}

const counts = {
  done: exactly(true),
  done_reason: exactly('stop', 'length'),
  total_duration: integer,
  load_duration: integer,
  prompt_eval_count: integer,
  prompt_eval_duration: integer,
  eval_count: integer,
  eval_duration: integer
}

/** A line of an answer, the last line, and a whole document. */
export function answerOf(kind: 'chat' | 'generate'): Record<'line' | 'last' | 'document' | 'load', Schema> {
  const every = { model: string, created_at: time, ...PIECES[kind], 'logprobs?': logprobs }
  const receipt = fields({ payload: string, signature: string })
  return {
    line: fields({ ...every, done: exactly(false) }),
    last: fields({ ...every, ...counts, lobstah_receipt: receipt }),
    document: fields({ ...every, ...counts }),
    load: fields({ ...every, done: exactly(true), done_reason: exactly('load', 'unload') })
  }
}

export const embedded = fields({
  model: string,
  embeddings: list(list(number)),
  total_duration: integer,
  load_duration: integer,
  prompt_eval_count: integer
})

const details = fields({
  parent_model: string,
  format: string,
  family: string,
  families: orNull(list(string)),
  parameter_size: string,
  quantization_level: string
})
const listedModel = { name: string, model: string, modified_at: time, size: integer, digest: string, details }
export const tags = fields({ models: list(fields(listedModel)) })
export const running = fields({
  models: list(fields({ ...listedModel, expires_at: time, size_vram: integer, context_length: integer }))
})
export const shown = fields({
  modelfile: string,
  parameters: string,
  template: string,
  license: string,
  details,
  model_info: anyObject,
  capabilities: list(string),
  modified_at: time
})
export const version = fields({ version: string })
export const errorDocument = fields({ error: string, code: string })
