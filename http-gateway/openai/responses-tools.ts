import { z } from 'zod'
import type { ChatTool } from '../../protocols/inference/index.ts'
import { qualified } from './tool-choice.ts'
import { customFields, functionFields, onlyOfTypes, toFreeFormTool, toTool } from './tools.ts'

const functionTool = functionFields.extend({ type: z.literal('function') })
const customTool = customFields.extend({ type: z.literal('custom') })
const callable = onlyOfTypes(['function', 'custom'], z.discriminatedUnion('type', [functionTool, customTool]))
const namespace = z.object({
  type: z.literal('namespace'),
  name: z.string().min(1).max(128),
  description: z.string().nullish(),
  tools: z.array(callable)
})

/** A tool of a response; undefined for one of a type that is not served here. */
export const responsesTool = onlyOfTypes(
  ['function', 'custom', 'namespace'],
  z.discriminatedUnion('type', [functionTool, customTool, namespace])
)
export type ResponsesTool = z.infer<typeof responsesTool>

/** A tool as the client that offered it knows it. */
export interface CalledTool {
  name: string
  namespace?: string
  /** Whether it takes free text instead of arguments. */
  custom: boolean
}

/** The tools of a response as a request has them, and what each is to the client, by its name in the request. */
export function toTools(given: ResponsesTool[]): { tools: ChatTool[]; called: Map<string, CalledTool> } {
  const tools = new Map<string, ChatTool>()
  const called = new Map<string, CalledTool>()
  const add = (tool: z.infer<typeof callable>, space?: string): void => {
    if (tool === undefined) return
    const { name } = tool
    const full = qualified(name, space)
    const own = { ...tool, name: full }
    // Agents send some tools twice: with the request and with a search that found them.
    tools.set(full, own.type === 'custom' ? toFreeFormTool(own) : toTool(own))
    called.set(full, {
      name,
      custom: own.type === 'custom',
      ...(space === undefined ? {} : { namespace: space })
    })
  }
  for (const tool of given) {
    if (tool?.type !== 'namespace') add(tool)
    else for (const member of tool.tools) add(member, tool.name)
  }
  return { tools: [...tools.values()], called }
}
