import { SPOKEN, askGateway, type Spoken } from '../support/gateway/spoken.ts'
import { NUMBERED_MODEL, numbered, tokensOf } from '../support/numbered.ts'

/** The outcome of one request. */
export interface Outcome {
  tag: string
  kind: string
  /** When it was asked, in milliseconds since 1970. */
  at: number
  /** Why it failed; undefined where the client has an answer. */
  failed?: string
  /** How the answer is wrong; undefined where it is right. */
  wrong?: string | undefined
  receipts: string[]
}

/** One kind of request, and how its answer must look. */
interface Kind {
  surface: keyof typeof SPOKEN
  stream: boolean
  rest?: object
  choices?: number
  limit?: number
}

/** Tokens after which a limit ends an answer. */
const LIMIT = 60

/** The steady load, one kind after the other. */
const KINDS: Kind[] = [
  { surface: 'chat', stream: true },
  { surface: 'responses', stream: true },
  { surface: 'messages', stream: true },
  { surface: 'ollama', stream: true },
  { surface: 'completions', stream: true },
  { surface: 'chat', stream: false },
  { surface: 'chat', stream: true, rest: { n: 2 }, choices: 2 },
  { surface: 'messages', stream: false },
  { surface: 'chat', stream: true, rest: { max_tokens: LIMIT }, limit: LIMIT },
  { surface: 'ollama', stream: false },
  { surface: 'completions', stream: true, rest: { max_tokens: LIMIT }, limit: LIMIT },
  { surface: 'responses', stream: false }
]

let asked = 0

/** Asks once, and judges the answer. */
async function question(url: string, words: number): Promise<Outcome> {
  const number = asked++
  const kind = KINDS[number % KINDS.length]!
  const tag = `request-${number}`
  const outcome: Outcome = {
    tag,
    kind: `${kind.surface}${kind.stream ? '' : ', not streamed'}`,
    at: Date.now(),
    receipts: []
  }
  const surface = SPOKEN[kind.surface]!
  const body = { model: NUMBERED_MODEL.id, stream: kind.stream, ...surface.body(`${tag}: `), ...kind.rest }
  try {
    const spoken = await askGateway(url, surface, body)
    outcome.receipts = spoken.receipts
    if (spoken.failure === undefined) outcome.wrong = judge(spoken, kind, words)
    else outcome.failed = spoken.failure
  } catch (err) {
    outcome.failed =
      err instanceof Error
        ? `${err.message} ${err.cause instanceof Error ? err.cause.message : ''}`
        : String(err)
  }
  return outcome
}

/** How an answer that has so many words without a limit is wrong; undefined where it is right. */
function judge(
  { texts, ends, finishReason, completionTokens }: Spoken,
  { choices = 1, limit }: Kind,
  words: number
): string | undefined {
  const tokens = tokensOf(numbered(words)).slice(0, limit)
  const expected = tokens.join('')
  if (texts.length !== choices) return `${texts.length} choices`
  for (const text of texts) {
    if (text === expected) continue
    const at = Array.from(expected, (_, place) => expected[place] === text[place]).indexOf(false)
    const near = JSON.stringify(at < 0 ? text.slice(-40) : text.slice(Math.max(0, at - 20), at + 20))
    return `it differs at ${at} of ${expected.length}: ${near}, and has ${text.length}`
  }
  if (ends !== choices) return `${ends} ends`
  const limited = /length|max_tokens|incomplete/.test(finishReason ?? '')
  if (limited !== (limit !== undefined)) return `the reason ${finishReason}`
  return completionTokens === tokens.length * choices
    ? undefined
    : `${completionTokens} tokens, not ${tokens.length * choices}`
}

/** Keeps so many questions running until the signal fires; returns what became of all. */
export async function load(
  url: string,
  words: number,
  streams: number,
  { signal, onOver }: { signal: AbortSignal; onOver: (tag: string) => void }
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const client = async (): Promise<void> => {
    while (!signal.aborted) {
      const outcome = await question(url, words)
      onOver(outcome.tag)
      outcomes.push(outcome)
    }
  }
  await Promise.all(Array.from({ length: streams }, client))
  return outcomes
}
