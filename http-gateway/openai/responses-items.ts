import { z } from 'zod'
import { toArguments } from '../answer/free-form-input.ts'
import { imagePart, parts, replayedParts, type Part } from './responses-parts.ts'
import { responsesTool, type ResponsesTool } from './responses-tools.ts'
import { qualified } from './tool-choice.ts'

const text = z.string()
const optional = text.nullish()

/** The chat message that an item stands for. */
export type Step =
  | { kind: 'message'; role: 'user' | 'system' | 'assistant'; content: Part[] }
  | { kind: 'thought'; text: string }
  | { kind: 'call'; id: string; name: string; arguments: string }
  | { kind: 'result'; id: string; output: Part[] }
  | { kind: 'tools'; tools: ResponsesTool[] }
  | { kind: 'reference'; id: string }

/** A call of a tool that the client or the vendor runs, whatever shape its arguments have. */
function call(id: string, name: string, given: unknown): Step {
  return {
    kind: 'call',
    id,
    name,
    arguments: typeof given === 'string' ? given : JSON.stringify(given ?? {})
  }
}

function result(id: string, output: string): Step {
  return { kind: 'result', id, output: [{ type: 'input_text', text: output }] }
}

const strings = z.array(z.object({ text })).nullish()

/** The type given to items that are left out. */
const SKIPPED = 'skipped'

const message = z
  .discriminatedUnion('role', [
    z.object({ type: z.literal('message'), role: z.enum(['user', 'system', 'developer']), content: parts }),
    z.object({ type: z.literal('message'), role: z.literal('assistant'), content: replayedParts })
  ])
  .transform(({ role, content }): Step[] => [
    { kind: 'message', role: role === 'developer' ? 'system' : role, content }
  ])

/** The items that say something to a model, and what each says. */
const known = z.discriminatedUnion('type', [
  message,
  z
    .object({
      type: z.literal('function_call'),
      call_id: text,
      name: text,
      namespace: optional,
      arguments: z.unknown().optional()
    })
    .transform((item) => [call(item.call_id, qualified(item.name, item.namespace), item.arguments)]),
  z
    .object({
      type: z.literal('custom_tool_call'),
      call_id: text,
      name: text,
      namespace: optional,
      input: text
    })
    .transform((item) => [call(item.call_id, qualified(item.name, item.namespace), toArguments(item.input))]),
  z
    .object({
      type: z.literal(['function_call_output', 'custom_tool_call_output', 'apply_patch_call_output']),
      call_id: optional,
      output: replayedParts
    })
    .transform(({ call_id: id, output }): Step[] => (id == null ? [] : [{ kind: 'result', id, output }])),
  z
    .object({ type: z.literal('computer_call_output'), call_id: text, output: z.unknown().optional() })
    .transform(({ call_id: id, output }): Step[] => {
      // A screenshot that lies with the vendor cannot be shown.
      const { data } = imagePart.safeParse(output)
      return [{ kind: 'result', id, output: data === undefined ? [] : [data] }]
    }),
  z
    .object({ type: z.literal('reasoning'), summary: strings, content: strings })
    .transform(({ summary, content }): Step[] => {
      const thought = (content?.length ? content : (summary ?? [])).map((part) => part.text).join('')
      return thought === '' ? [] : [{ kind: 'thought', text: thought }]
    }),
  z
    .object({ type: z.literal('local_shell_call'), call_id: text, action: z.unknown().optional() })
    .transform((item) => [call(item.call_id, 'local_shell', item.action)]),
  z
    .object({ type: z.literal('local_shell_call_output'), id: optional, call_id: optional, output: text })
    .transform(({ id, call_id: callId, output }) => [result(callId ?? id ?? '', output)]),
  z
    .object({ type: z.literal('shell_call'), call_id: text, action: z.unknown().optional() })
    .transform((item) => [call(item.call_id, 'shell', item.action)]),
  z
    .object({
      type: z.literal('shell_call_output'),
      call_id: text,
      output: z.array(z.object({ stdout: optional, stderr: optional }))
    })
    .transform(({ call_id: id, output }) => [
      result(id, output.map(({ stdout, stderr }) => (stdout ?? '') + (stderr ?? '')).join('\n'))
    ]),
  z
    .object({ type: z.literal('apply_patch_call'), call_id: text, operation: z.unknown().optional() })
    .transform((item) => [call(item.call_id, 'apply_patch', item.operation)]),
  z
    .object({
      type: z.literal('computer_call'),
      call_id: text,
      action: z.unknown().optional(),
      actions: z.unknown().optional()
    })
    .transform((item) => [call(item.call_id, 'computer', item.actions ?? item.action)]),
  z
    .object({
      type: z.literal('mcp_call'),
      id: text,
      name: text,
      arguments: z.unknown().optional(),
      output: optional,
      error: z.unknown().optional()
    })
    .transform(({ id, name, arguments: given, output, error }) => [
      call(id, name, given),
      result(id, output ?? (error == null ? '' : JSON.stringify(error)))
    ]),
  z
    .object({
      type: z.literal('code_interpreter_call'),
      id: text,
      code: optional,
      outputs: z.array(z.object({ logs: optional })).nullish()
    })
    .transform(({ id, code, outputs }) => [
      call(id, 'code_interpreter', { code }),
      result(id, (outputs ?? []).map(({ logs }) => logs ?? '').join('\n'))
    ]),
  z
    .object({
      type: z.literal('file_search_call'),
      id: text,
      queries: z.unknown().optional(),
      results: z.array(z.object({ filename: optional, text: optional })).nullish()
    })
    .transform(({ id, queries, results }) => [
      call(id, 'file_search', { queries }),
      result(
        id,
        (results ?? []).map(({ filename, text: found }) => `${filename ?? ''}: ${found ?? ''}`).join('\n')
      )
    ]),
  z
    .object({ type: z.literal('program'), call_id: text, code: text })
    .transform(({ call_id: id, code }) => [call(id, 'program', { code })]),
  z
    .object({ type: z.literal('program_output'), call_id: text, result: text })
    .transform(({ call_id: id, result: output }) => [result(id, output)]),
  z
    .object({ type: z.literal('tool_search_call'), call_id: optional, arguments: z.unknown().optional() })
    .transform((item) => (item.call_id == null ? [] : [call(item.call_id, 'tool_search', item.arguments)])),
  z
    .object({ type: z.literal('tool_search_output'), call_id: optional, tools: z.array(responsesTool) })
    .transform(({ call_id: id, tools }): Step[] => {
      const found: Step = { kind: 'tools', tools }
      const names = tools.flatMap((tool) => tool?.name ?? [])
      return id == null ? [found] : [found, result(id, `Tools found: ${names.join(', ') || 'none'}`)]
    }),
  z
    .object({ type: z.literal('additional_tools'), tools: z.array(responsesTool) })
    .transform(({ tools }): Step[] => [{ kind: 'tools', tools }]),
  z
    .object({ type: z.literal('item_reference'), id: text })
    .transform(({ id }): Step[] => [{ kind: 'reference', id }]),
  z.object({ type: z.literal(SKIPPED) }).transform((): Step[] => [])
])

const KNOWN = new Set<unknown>(known.options.flatMap((option) => [...(option._zod.propValues.type ?? [])]))

/** One item, as what it says. Items that say nothing to a model, or are newer than this program, say nothing. */
export const item = z.preprocess((value) => {
  if (typeof value !== 'object' || value === null) return value
  const type: unknown = Reflect.get(value, 'type') ?? ('role' in value ? 'message' : 'item_reference')
  return typeof type !== 'string' || KNOWN.has(type) ? { ...value, type } : { type: SKIPPED }
}, known)
