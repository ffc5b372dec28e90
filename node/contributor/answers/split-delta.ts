import type { Delta, Logprob, ToolCallDelta } from '../../../protocols/index.ts'

/**
 * Longest text in one frame, in UTF-16 code units. JSON takes up to 6 bytes for each, so that a frame stays far below
 * MAX_FRAME_BYTES, and a slow line sends it before its consumer takes the silence for a loss.
 */
const MAX_PIECE_LENGTH = 32_768

/** Most entries of logprobs in one frame: with 20 alternatives each, some 300 KiB. */
const MAX_PIECE_LOGPROBS = 128

/** Vectors and tool calls in one frame, where a delta has to be split at all. */
const MAX_PIECE_ITEMS = 1

/**
 * A delta as frames that each fit, with its tokens spread over them by their share of the text: most are one frame.
 * Engines give a tool call, and an answer that they do not stream, in one piece of any length.
 */
export function* splitDelta(delta: Delta): Iterable<Delta> {
  if (fits(delta)) {
    yield delta
    return
  }
  const pieces = [...piecesOf(delta)]
  const weights = pieces.map(lengthOf)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const tokens = delta.tokens ?? 1
  let [passed, told] = [0, 0]
  for (const [place, piece] of pieces.entries()) {
    passed += weights[place] ?? 0
    const last = place === pieces.length - 1
    const due = last || total === 0 ? tokens : Math.floor((tokens / total) * passed)
    yield { ...piece, tokens: due - told }
    told = due
  }
}

function fits({ toolCalls = [], logprobs = [], embeddings = [], ...delta }: Delta): boolean {
  const { content = '', reasoning = '' } = delta
  const callsLength = toolCalls.reduce((sum, call) => sum + (call.arguments?.length ?? 0), 0)
  return (
    content.length + reasoning.length + callsLength <= MAX_PIECE_LENGTH &&
    toolCalls.length <= MAX_PIECE_LOGPROBS &&
    logprobs.length <= MAX_PIECE_LOGPROBS &&
    embeddings.length <= MAX_PIECE_ITEMS
  )
}

function* piecesOf(delta: Delta): Iterable<Delta> {
  const { content = '', reasoning = '', toolCalls = [], logprobs = [], embeddings = [] } = delta
  for (const text of piecesOfText(reasoning)) yield { reasoning: text }
  const groups = inGroups<Logprob>(logprobs, MAX_PIECE_LOGPROBS)
  if (logprobs.length > 0 && logprobs.map(({ token }) => token).join('') === content) {
    for (const some of groups) yield { content: some.map(({ token }) => token).join(''), logprobs: some }
  } else {
    for (const text of piecesOfText(content)) yield { content: text }
    for (const some of groups) yield { logprobs: some }
  }
  for (const call of toolCalls) for (const piece of piecesOfCall(call)) yield { toolCalls: [piece] }
  for (const vectors of inGroups(embeddings, MAX_PIECE_ITEMS)) yield { embeddings: vectors }
}

/** The first piece of a call has its id and name. */
function* piecesOfCall({ arguments: text = '', ...call }: ToolCallDelta): Iterable<ToolCallDelta> {
  const [first = '', ...rest] = piecesOfText(text)
  yield { ...call, arguments: first }
  for (const piece of rest) yield { index: call.index, arguments: piece }
}

/** A text in pieces of bounded length; no surrogate pair is cut in two. */
function* piecesOfText(text: string): Iterable<string> {
  let start = 0
  while (start < text.length) {
    let end = Math.min(start + MAX_PIECE_LENGTH, text.length)
    if (end < text.length && isHighSurrogate(text, end - 1) && isLowSurrogate(text, end)) end--
    yield text.slice(start, end)
    start = end
  }
}

function* inGroups<T>(items: readonly T[], size: number): Iterable<T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}

function lengthOf({ content = '', reasoning = '', toolCalls = [] }: Delta): number {
  const callsLength = toolCalls.reduce((sum, call) => sum + (call.arguments?.length ?? 0), 0)
  return content.length + reasoning.length + callsLength
}

function isHighSurrogate(text: string, place: number): boolean {
  return (text.charCodeAt(place) & 0xfc00) === 0xd800
}

function isLowSurrogate(text: string, place: number): boolean {
  return (text.charCodeAt(place) & 0xfc00) === 0xdc00
}
