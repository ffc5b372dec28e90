import { z } from 'zod'

const text = z.string()

export const textBlock = z.object({ type: z.literal('text'), text })

/** An image that is sent along; other sources name what nobody in a mesh fetches. */
export const imageBlock = z.object({
  type: z.literal('image'),
  source: z.object({ type: z.literal('base64'), media_type: text, data: text })
})

const searchResult = z
  .object({ type: z.literal('search_result'), title: text, source: text, content: z.array(textBlock) })
  .transform(({ title, source, content }) =>
    toText([`${title} (${source})`, ...content.map((block) => block.text)])
  )

/** A document with text in it; one that would have to be fetched is refused. */
const documentBlock = z
  .object({
    type: z.literal('document'),
    title: text.nullish(),
    context: text.nullish(),
    source: z.discriminatedUnion('type', [
      z.object({ type: z.literal('text'), data: text }),
      z.object({
        type: z.literal('content'),
        content: z.union([text, z.array(z.object({ text: text.optional() }))])
      })
    ])
  })
  .transform(({ title, context, source }) => {
    const content = source.type === 'text' ? source.data : source.content
    const texts = typeof content === 'string' ? [content] : content.map((block) => block.text)
    return toText([title, context, ...texts])
  })

const toolReference = z
  .object({ type: z.literal('tool_reference'), tool_name: text })
  .transform((block) => toText([`Tool: ${block.tool_name}`]))

const shown = [textBlock, imageBlock, searchResult, documentBlock, toolReference] as const

/** A block of what a user says, the results of tools among it. */
export const userBlocks = blocks(
  z.discriminatedUnion('type', [
    ...shown,
    z.object({
      type: z.literal('tool_result'),
      tool_use_id: text,
      content: blocks(z.discriminatedUnion('type', shown)).nullish()
    })
  ]),
  1
)

/** What a model said before, and what the vendor's own tools gave it. */
export const assistantBlocks = blocks(
  z.discriminatedUnion('type', [
    textBlock,
    z.object({ type: z.literal('thinking'), thinking: text }),
    z
      .object({
        type: z.literal(['tool_use', 'server_tool_use', 'mcp_tool_use']),
        id: text,
        name: text,
        input: z.unknown()
      })
      .transform((block) => ({ ...block, type: 'tool_use' as const })),
    z
      .object({
        type: z.literal([
          'mcp_tool_result',
          'web_search_tool_result',
          'web_fetch_tool_result',
          'code_execution_tool_result',
          'bash_code_execution_tool_result',
          'text_editor_code_execution_tool_result',
          'tool_search_tool_result',
          'advisor_tool_result'
        ]),
        tool_use_id: text,
        content: z.unknown()
      })
      .transform(({ tool_use_id: id, content }) => ({ type: 'result' as const, id, text: textOf(content) })),
    z
      .object({ type: z.literal('compaction'), content: text.nullish() })
      .transform(({ content }) => toText([content]))
  ])
)

/**
 * A list of blocks, of which those of types unknown here are left out: agents send back whatever they were
 * given, by any server. A bare text is one block; so an error names the block at fault.
 */
export function blocks<T extends z.ZodDiscriminatedUnion>(block: T, atLeast = 0): z.ZodType<z.infer<T>[]> {
  const known = new Set<unknown>(
    block.options.flatMap((option) => [...(option._zod.propValues?.['type'] ?? [])])
  )
  return z.preprocess((value) => {
    if (typeof value === 'string') return [{ type: 'text', text: value }]
    if (!Array.isArray(value)) return value
    if (value.length < atLeast) return undefined
    return (value as unknown[]).filter((entry) => {
      const type: unknown = Reflect.get(Object(entry), 'type')
      return typeof type !== 'string' || known.has(type)
    })
  }, z.array(block))
}

function toText(parts: (string | null | undefined)[]): z.infer<typeof textBlock> {
  return { type: 'text', text: parts.filter((part) => part != null && part !== '').join('\n') }
}

/** The fields that hold text in the results of the vendor's tools. */
const TEXTS = new Set([
  'text',
  'title',
  'url',
  'stdout',
  'stderr',
  'content',
  'data',
  'tool_name',
  'error_code'
])
/** How deep they lie at most. */
const MAX_DEPTH = 8

function textOf(value: unknown, depth = 0): string {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return ''
  const members = Array.isArray(value)
    ? (value as unknown[])
    : Object.entries(value).flatMap(([name, member]: [string, unknown]) =>
        TEXTS.has(name) || typeof member === 'object' ? [member] : []
      )
  return members
    .map((member) => textOf(member, depth + 1))
    .filter((part) => part !== '')
    .join('\n')
}
