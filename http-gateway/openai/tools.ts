import { z } from 'zod'
import { BadRequestError } from '../../protocols/errors.ts'
import type { ChatRequest, ChatTool } from '../../protocols/inference/index.ts'
import { withoutNulls } from './sampling.ts'

/** A function that a model may call, as OpenAI's clients describe it. */
export const functionFields = z.object({
  name: z.string().min(1).max(256),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish()
})

/** The tool that a description stands for. */
export function toTool({ name, ...rest }: z.infer<typeof functionFields>): ChatTool {
  return { type: 'function', function: { name, ...withoutNulls(rest) } }
}

/**
 * A schema of tools of one type. Codex and others offer tools of types that only some servers know: those are
 * left out (undefined), not refused.
 */
export function onlyOfType<T extends z.ZodType>(type: string, tool: T): z.ZodType<z.infer<T> | undefined> {
  return z.preprocess((value) => (isOfAnotherType(value, type) ? undefined : value), tool.optional())
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
    throw new BadRequestError(`${param} demands a tool that is not among the tools`, { param })
  }
  // A choice among no tools says nothing.
  return tools.length === 0 ? {} : withoutNulls({ tools, tool_choice: choice, parallel_tool_calls: parallel })
}

function isOfAnotherType(tool: unknown, type: string): boolean {
  if (typeof tool !== 'object' || tool === null || !('type' in tool)) return false
  return typeof tool.type === 'string' && tool.type !== type
}
