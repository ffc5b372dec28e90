import { z } from 'zod'
import { BadRequestError } from '../../protocols/errors.ts'
import type { ChatRequest, ChatTool } from '../../protocols/inference/index.ts'
import { withTools } from './tools.ts'

const named = z.object({ name: z.string() })

/** A tool by its name, which chats put into an object of its own and responses do not. */
const toolName = z.object({
  type: z.string().optional(),
  name: z.string().nullish(),
  namespace: z.string().nullish(),
  function: named.nullish(),
  custom: named.nullish()
})

const allowed = z.object({ mode: z.enum(['auto', 'required']), tools: z.array(toolName) })

/** Which tools a model may or must call, in the forms of chats and of responses. */
export const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.object({
    ...toolName.shape,
    type: z.string(),
    mode: allowed.shape.mode.optional(),
    tools: allowed.shape.tools.optional(),
    allowed_tools: allowed.nullish()
  })
])
type ToolChoice = z.infer<typeof toolChoice>
type ToolName = z.infer<typeof toolName>

/** A tool's name in a request: a namespace is part of it. */
export function qualified(name: string, namespace: string | null | undefined): string {
  if (!namespace) return name
  return namespace.endsWith('__') ? namespace + name : `${namespace}__${name}`
}

/** The tools that a request offers, and which of them it demands. Throws BadRequestError naming `tool_choice`. */
export function chosenTools(
  tools: ChatTool[],
  choice: ToolChoice | null | undefined,
  parallel: boolean | null | undefined
): Pick<ChatRequest, 'tools' | 'tool_choice' | 'parallel_tool_calls'> {
  if (choice == null || typeof choice === 'string') return withTools(tools, choice, parallel)
  if (choice.type === 'allowed_tools') {
    const { mode = 'auto', tools: some } = choice.allowed_tools ?? choice
    if (some === undefined) throw refusal('tool_choice.tools is missing')
    const names = new Set(some.map(nameOf))
    return withTools(
      tools.filter((tool) => names.has(tool.function.name)),
      mode,
      parallel
    )
  }
  const name = nameOf(choice)
  if (name === undefined || (choice.type !== 'function' && choice.type !== 'custom')) {
    throw refusal(`Tools of the type '${choice.type.slice(0, 64)}' are not served here and cannot be chosen`)
  }
  return withTools(tools, { type: 'function', function: { name } }, parallel)
}

function nameOf({ name, namespace, function: chat, custom }: ToolName): string | undefined {
  const own = chat?.name ?? custom?.name ?? name
  return own == null ? undefined : qualified(own, namespace)
}

function refusal(message: string): BadRequestError {
  return new BadRequestError(message, { param: 'tool_choice' })
}
