/** A fake engine's answer, whatever protocol it speaks. A piece of text counts as one token. */
export interface FakeReply {
  /** Pieces of the answer; a string is cut at its words. */
  text?: string | Iterable<string>
  /** Pieces of the reasoning that comes first. */
  thinking?: string | Iterable<string>
  toolCalls?: { name: string; arguments: Record<string, unknown> }[]
  /** Overrides the count of the request's words. */
  promptTokens?: number
  /** Awaited before each piece: holds the answer back, or lets a test see how far it is. */
  gate?: (piece: number) => Promise<unknown> | undefined
  /** Answers with an HTTP status instead. */
  status?: { code: number; error: string }
  /** The failure before the piece of this number is sent, after the headers and earlier pieces. */
  breakAt?: { piece: number; how: 'error' | 'end' | 'reset' | 'garbage' }
}

/** A request to a fake engine. */
export interface FakePrompt {
  model: string
  /** The last message, or the prompt of a completion. */
  text: string
  /** Words of everything that was sent. */
  tokens: number
  maxTokens: number | undefined
  stop: string[]
  seed: number | undefined
  tools: string[]
  /** Whether JSON was asked for. */
  json: boolean
  thinking: boolean
}

/** Decides what is answered. */
export type FakeScript = (prompt: FakePrompt) => FakeReply | Promise<FakeReply>

/** One request that a fake engine got. */
export interface RecordedRequest {
  method: string
  path: string
  headers: Record<string, string | string[] | undefined>
  body: unknown
  /** Resolves when the answer is over: `done`, or `aborted` when the client left first. */
  over: Promise<'done' | 'aborted'>
}

const WORDS = 'the lobster walks on and on along the sea floor and meets a crab who tells it of a mesh'.split(
  ' '
)

/** A fake's default answer: phrases that the contract suite expects, else an echo. */
export const defaultScript: FakeScript = (prompt) => {
  const thinking = prompt.thinking ? 'Let me think.' : undefined
  const [tool] = prompt.tools
  if (tool !== undefined && /weather/i.test(prompt.text)) {
    return { thinking, toolCalls: [{ name: tool, arguments: { city: 'Lisbon' } }] }
  }
  if (prompt.json) return { thinking, text: '{ "answer": "yes" }' }
  if (/endless/i.test(prompt.text)) return { text: endless(prompt.seed ?? 0), gate: nextTurn }
  const count = /count to (\d+)/i.exec(prompt.text)?.[1]
  if (count !== undefined) {
    return { thinking, text: Array.from({ length: Number(count) }, (_, n) => n + 1).join(', ') + '.' }
  }
  if (/what is a mesh/i.test(prompt.text)) {
    return { thinking, text: 'A mesh is a group of computers that help each other.' }
  }
  return { thinking, text: `You said: ${prompt.text}` }
}

/** Words without end. */
export function* endless(seed = 0): Iterable<string> {
  for (let n = seed; ; n++) yield ` ${WORDS[n % WORDS.length] ?? ''}`
}

/** A gate that lets the event loop turn before each piece. */
export function nextTurn(): Promise<unknown> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A text's words, each with the space before it. */
export function pieces(text: string | Iterable<string> | undefined): Iterable<string> {
  return typeof text === 'string' ? (text.match(/\s*\S+/g) ?? []) : (text ?? [])
}

/** How many words a text has. */
export function countWords(text: string): number {
  return text.match(/\S+/g)?.length ?? 0
}

/** One step of an answer as a protocol sends it. */
export type FakeStep =
  | { type: 'thinking' | 'text'; piece: string }
  | { type: 'break'; how: NonNullable<FakeReply['breakAt']>['how'] }
  | { type: 'end'; reason: 'stop' | 'length'; completionTokens: number }

/** Plays a reply: gates, the limit of tokens, stop strings and breakage included. */
export async function* play(reply: FakeReply, prompt: FakePrompt): AsyncGenerator<FakeStep, void> {
  let tokens = 0
  let sent = ''
  for await (const { type, piece } of gated(reply)) {
    if (reply.breakAt?.piece === tokens) {
      yield { type: 'break', how: reply.breakAt.how }
      return
    }
    if (type === 'end') break
    if (tokens === prompt.maxTokens) {
      yield { type: 'end', reason: 'length', completionTokens: tokens }
      return
    }
    tokens++
    const stop = type === 'text' ? firstStop(sent + piece, prompt.stop) : undefined
    if (stop !== undefined) {
      if (stop > sent.length) yield { type, piece: (sent + piece).slice(sent.length, stop) }
      break
    }
    if (type === 'text') sent += piece
    yield { type, piece }
  }
  yield { type: 'end', reason: 'stop', completionTokens: tokens + (reply.toolCalls?.length ?? 0) }
}

/** The pieces of a reply and its end, each behind the gate. */
async function* gated(reply: FakeReply): AsyncIterable<{ type: 'thinking' | 'text' | 'end'; piece: string }> {
  let number = 0
  for (const type of ['thinking', 'text'] as const) {
    for (const piece of pieces(reply[type])) {
      await reply.gate?.(number++)
      yield { type, piece }
    }
  }
  await reply.gate?.(number)
  yield { type: 'end', piece: '' }
}

function firstStop(text: string, stops: string[]): number | undefined {
  const found = stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0)
  return found.length > 0 ? Math.min(...found) : undefined
}
