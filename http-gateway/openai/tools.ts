import { z } from 'zod'
import { BadRequestError } from '../../protocols/errors.ts'
import type { ChatRequest, ChatTool } from '../../protocols/inference/index.ts'
import { INPUT_FIELD } from '../answer/free-form-input.ts'
import { withoutNulls } from './sampling.ts'

/** A function that a model may call, as OpenAI's clients describe it. */
export const functionFields = z.object({
  name: z.string().min(1).max(256),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish()
})

/** A tool that takes free text. Nothing holds the text to the grammar; the model is told of it. */
export const customFields = z.object({
  name: functionFields.shape.name,
  description: functionFields.shape.description,
  format: z
    .object({
      type: z.string(),
      syntax: z.string().nullish(),
      definition: z.string().nullish(),
      grammar: z.object({ syntax: z.string().nullish(), definition: z.string().nullish() }).nullish()
    })
    .nullish()
})

/** The tool that a description stands for. */
export function toTool({ name, description, parameters, strict }: z.infer<typeof functionFields>): ChatTool {
  return { type: 'function', function: { name, ...withoutNulls({ description, parameters, strict }) } }
}

/** A tool that takes free text, as a function whose one argument is that text. */
export function toFreeFormTool({ name, description, format }: z.infer<typeof customFields>): ChatTool {
  const { syntax, definition } = format?.grammar ?? format ?? {}
  const about =
    definition == null
      ? 'The text that the tool takes.'
      : `Text of this ${syntax ?? ''} grammar:\n${definition}`
  return {
    type: 'function',
    function: {
      name,
      ...withoutNulls({ description }),
      parameters: {
        type: 'object',
        properties: { [INPUT_FIELD]: { type: 'string', description: about } },
        required: [INPUT_FIELD],
        additionalProperties: false
      }
    }
  }
}

/**
 * A schema of tools of some types, the first of which may go unsaid. Agents offer tools of types that only some
 * servers know: those are left out (undefined), not refused.
 */
export function onlyOfTypes<T extends z.ZodType>(
  types: string[],
  tool: T
): z.ZodType<z.infer<T> | undefined> {
  return z.preprocess((value) => {
    if (typeof value !== 'object' || value === null) return value
    const type: unknown = Reflect.get(value, 'type') ?? types[0]
    return typeof type === 'string' && !types.includes(type) ? undefined : { ...value, type }
  }, tool.optional())
}

/** The fields of a request about tools. Throws BadRequestError for a choice of a tool that is not there. */
export function withTools(
  tools: ChatTool[],
  choice: ChatRequest['tool_choice'] | null,
  parallel: boolean | null | undefined,
  param = 'tool_choice'
): Pick<ChatRequest, 'tools' | 'tool_choice' | 'parallel_tool_calls'> {
  const demanded = typeof choice === 'object' ? choice?.function.name : undefined
  const known = demanded === undefined || tools.some((tool) => tool.function.name === demanded)
  if (!known || (choice === 'required' && tools.length === 0)) {
    throw new BadRequestError(`${param} demands a tool that is not among the tools served here`, { param })
  }
  // A choice among no tools says nothing.
  return tools.length === 0 ? {} : withoutNulls({ tools, tool_choice: choice, parallel_tool_calls: parallel })
}
