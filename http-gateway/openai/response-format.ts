import { z } from 'zod'
import { UnsupportedParameterError } from '../../protocols/errors.ts'
import type { ChatRequest } from '../../protocols/inference/index.ts'
import { withoutNulls } from './sampling.ts'

const schema = z.record(z.string(), z.unknown())
/** The name of a schema whose client gave it none. */
const UNNAMED = 'output'

const described = z.object({
  name: z.string().nullish(),
  description: z.string().nullish(),
  strict: z.boolean().nullish()
})

/**
 * The form of an answer, where OpenAI puts its schema and where llama.cpp, TGI and the Responses API do. Other
 * types, such as grammars, are known by name and refused.
 */
export const responseFormat = z
  .object({
    type: z.enum(['text', 'json', 'json_object', 'json_schema', 'grammar', 'regex', 'structural_tag']),
    json_schema: described.extend({ schema: schema.nullish() }).nullish(),
    schema: schema.nullish(),
    value: schema.nullish(),
    ...described.shape
  })
  .superRefine((format, context) => {
    if (format.type !== 'json_schema' || schemaOf(format) !== undefined) return
    context.addIssue({ code: 'custom', message: 'json_schema.schema is missing', path: ['json_schema'] })
  })
type Format = z.infer<typeof responseFormat>

/** A schema as an object, or as its text. */
const schemaOrText = z.preprocess((value) => {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value) as unknown
  } catch {
    return value
  }
}, schema.nullish())

/** Forms that the mesh has no words for, by the names that vLLM, SGLang and llama.cpp give them. */
const UNSERVED = [
  'guided_regex',
  'guided_choice',
  'guided_grammar',
  'grammar',
  'regex',
  'ebnf',
  'structural_tag'
] as const

const unserved = z.unknown().optional()

/** Other servers' fields for the form of an answer: schemas are honoured, the rest is refused. */
export const formatFields = {
  response_format: responseFormat.nullish(),
  guided_json: schemaOrText,
  json_schema: schemaOrText,
  format: z.union([z.literal(['', 'json']), schema]).nullish(),
  structured_outputs: z.looseObject({ json: schemaOrText }).nullish(),
  guided_regex: unserved,
  guided_choice: unserved,
  guided_grammar: unserved,
  grammar: unserved,
  regex: unserved,
  ebnf: unserved,
  structural_tag: unserved
}
type FormatBody = z.infer<z.ZodObject<typeof formatFields>>

/** The form of an answer as a request has it. Throws UnsupportedParameterError for one that it cannot have. */
export function toResponseFormat(body: FormatBody): ChatRequest['response_format'] {
  for (const param of UNSERVED) if (body[param] != null && body[param] !== '') throw refusal(param)
  const { json, ...others } = body.structured_outputs ?? {}
  const other = Object.keys(others).find((name) => others[name] != null)
  if (other !== undefined) throw refusal(`structured_outputs.${other}`)
  if (body.response_format != null && body.response_format.type !== 'text')
    return fromFormat(body.response_format)
  if (body.format === 'json') return { type: 'json_object' }
  const given = body.guided_json ?? json ?? body.json_schema ?? (body.format === '' ? undefined : body.format)
  if (given != null) return { type: 'json_schema', json_schema: { name: UNNAMED, schema: given } }
  return body.response_format == null ? undefined : { type: 'text' }
}

function fromFormat(format: Format): ChatRequest['response_format'] {
  const { type } = format
  if (type === 'grammar' || type === 'regex' || type === 'structural_tag')
    throw refusal('response_format.type')
  const given = schemaOf(format)
  if (given === undefined) return { type: 'json_object' }
  const { name, description, strict } = format.json_schema ?? format
  return {
    type: 'json_schema',
    json_schema: { name: name ?? UNNAMED, schema: given, ...withoutNulls({ description, strict }) }
  }
}

function schemaOf({ json_schema: own, schema: beside, value }: Format): z.infer<typeof schema> | undefined {
  return own?.schema ?? beside ?? value ?? undefined
}

function refusal(param: string): UnsupportedParameterError {
  return new UnsupportedParameterError(`${param} is not supported: send a JSON schema as response_format`, {
    param
  })
}
