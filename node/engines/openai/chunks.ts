import { z } from 'zod'

/** A member that is read where it has the right type; anything else, null above all, counts as absent. */
const maybe = <T extends z.ZodType>(type: T) => type.nullish().catch(undefined)

/** A count of tokens; some servers send floats or negative numbers for “not counted”. */
const count = maybe(z.number().min(0).transform(Math.floor))

const text = maybe(z.string())
/** Mistral sends content, and its reasoning, as a list of parts. */
const part = z.object({ type: text, text, thinking: maybe(z.array(z.object({ text })).or(z.string())) })
const content = maybe(z.union([z.string(), z.array(part), part.transform((one) => [one])]))

const usage = z.object({
  prompt_tokens: count,
  completion_tokens: count,
  prompt_tokens_details: maybe(z.object({ cached_tokens: count })),
  completion_tokens_details: maybe(z.object({ reasoning_tokens: count }))
})

const bytes = maybe(z.array(z.number().int().min(0).max(255)))
const tokenLogprob = z.object({ token: z.string(), logprob: z.number(), bytes })
const logprobs = z.object({
  content: maybe(z.array(tokenLogprob.extend({ top_logprobs: maybe(z.array(tokenLogprob)) }))),
  // The older form, of completions.
  tokens: maybe(z.array(z.string())),
  token_logprobs: maybe(z.array(z.number().nullable())),
  top_logprobs: maybe(z.array(z.record(z.string(), z.number()).nullable()))
})

const called = z.object({
  name: text,
  // TGI and others send an object, or call it by another name.
  arguments: z.unknown().optional(),
  parameters: z.unknown().optional()
})
const toolCall = z.object({
  index: maybe(z.coerce.number().int()),
  id: text,
  function: maybe(called),
  ...called.shape
})

const message = z.object({
  content,
  // Servers disagree about the name; these three are in use.
  reasoning_content: content,
  reasoning: content,
  thinking: content,
  // TGI sends one call without its list.
  tool_calls: maybe(z.union([z.array(toolCall), toolCall.transform((one) => [one])])),
  function_call: maybe(called)
})

const choice = z.object({
  index: count,
  // SGLang's own API wraps the reason.
  finish_reason: maybe(z.union([z.string(), z.object({ type: z.string() }).transform(({ type }) => type)])),
  delta: maybe(message),
  message: maybe(message),
  text,
  logprobs: maybe(logprobs)
})

/**
 * One event of a stream, or the document of an answer that was not streamed, of either API. It is read liberally: no
 * two servers agree, and an answer is thrown away only where it cannot be understood.
 */
export const chunk = z.object({ usage: maybe(usage), choices: maybe(z.array(maybe(choice))) })

export type Choice = z.infer<typeof choice>
export type Message = z.infer<typeof message>
export type TokenLogprobs = z.infer<typeof logprobs>
export type CountedUsage = z.infer<typeof usage>

/** A piece of a tool call, whichever form the server gave it. */
export interface ToolCallPiece {
  /** The server's index, where it gives one. */
  index: number | undefined
  id: string
  name: string
  arguments: string
}

/** The tool calls that a message brings. */
export function toolCallsIn({ tool_calls: calls, function_call: old }: Message): ToolCallPiece[] {
  const pieces = (calls ?? []).map((call) => ({
    index: call.index ?? undefined,
    id: call.id ?? '',
    name: call.function?.name ?? call.name ?? '',
    arguments: argumentsText(call.function ?? call)
  }))
  if (old != null) pieces.push({ index: 0, id: '', name: old.name ?? '', arguments: argumentsText(old) })
  return pieces
}

function argumentsText(call: { arguments?: unknown; parameters?: unknown }): string {
  const value = call.arguments ?? call.parameters
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The text of a content, and the reasoning among its parts. */
export function textsIn(value: Message['content']): { content: string; reasoning: string } {
  if (value === undefined || value === null) return { content: '', reasoning: '' }
  if (typeof value === 'string') return { content: value, reasoning: '' }
  let content = ''
  let reasoning = ''
  for (const { text, thinking } of value) {
    content += text ?? ''
    reasoning +=
      typeof thinking === 'string' ? thinking : (thinking ?? []).map((one) => one.text ?? '').join('')
  }
  return { content, reasoning }
}
