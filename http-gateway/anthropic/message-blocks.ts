import { z } from 'zod'
import type { DocumentPart } from '../documents/index.ts'
import { blocks, imageBlock, returnedImage, textBlock } from './blocks.ts'
import { returnedDocument, sentDocument } from './document-block.ts'

const text = z.string()

const searchResult = z
  .object({ type: z.literal('search_result'), title: text, source: text, content: z.array(textBlock) })
  .transform(({ title, source, content }) =>
    toText([`${title} (${source})`, ...content.map((block) => block.text)])
  )

const toolReference = z
  .object({ type: z.literal('tool_reference'), tool_name: text })
  .transform((block) => toText([`Tool: ${block.tool_name}`]))

const shown = [textBlock, searchResult, toolReference] as const

/** A block of what a user says, the results of tools among it. */
export const userBlocks = blocks(
  z.discriminatedUnion('type', [
    ...shown,
    imageBlock,
    sentDocument,
    z.object({
      type: z.literal('tool_result'),
      tool_use_id: text,
      content: blocks(z.discriminatedUnion('type', [...shown, returnedImage, returnedDocument])).nullish()
    })
  ]),
  1
)

/** A page that the vendor fetched, with its document, or whatever else came of it. */
const fetched = z.union([
  z
    .object({ url: text, content: returnedDocument })
    .transform(({ url, content }): DocumentPart[] => [{ type: 'text', text: url }, ...textsOf(content)]),
  z.unknown().transform((content): DocumentPart[] => [{ type: 'text', text: textOf(content) }])
])

/** An assistant message: earlier output of the model, and results of the vendor's own tools. */
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
          'code_execution_tool_result',
          'bash_code_execution_tool_result',
          'text_editor_code_execution_tool_result',
          'tool_search_tool_result',
          'advisor_tool_result'
        ]),
        tool_use_id: text,
        content: z.unknown()
      })
      .transform(({ tool_use_id: id, content }) => toResult(id, [{ type: 'text', text: textOf(content) }])),
    z
      .object({ type: z.literal('web_fetch_tool_result'), tool_use_id: text, content: fetched })
      .transform(({ tool_use_id: id, content }) => toResult(id, content)),
    z
      .object({ type: z.literal('compaction'), content: text.nullish() })
      .transform(({ content }) => toText([content]))
  ])
)

/** The parts that are text: the results of the vendor's tools show no images. */
function textsOf<T extends { type: string }>(parts: T[]): Exclude<T, { type: 'image' }>[] {
  return parts.filter((part): part is Exclude<T, { type: 'image' }> => part.type !== 'image')
}

function toResult(
  id: string,
  content: DocumentPart[]
): { type: 'result'; id: string; content: DocumentPart[] } {
  return { type: 'result', id, content }
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
  // Pictures and other files.
  if ('type' in value && value.type === 'base64') return ''
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
