import assert from 'node:assert/strict'
import { readSse } from './sse.ts'

/** An answer as far as a client has it. */
export interface Spoken {
  /** The text of each choice. */
  texts: string[]
  /** How often it ended well. */
  ends: number
  finishReason?: string | undefined
  completionTokens?: number | undefined
  /** Receipts that came with it, as JSON. */
  receipts: string[]
  /** A stream's word for its failure. */
  failure?: string | undefined
}

/** One way to ask the gateway for a text. */
export interface SpokenSurface {
  path: string
  /** The body for a prompt, without `model` and `stream`. */
  body: (prompt: string) => object
  stream: (text: string) => Spoken
  document: (text: string) => Spoken
}

interface Choice {
  index?: number
  delta?: { content?: string | null }
  message?: { content?: string }
  text?: string
  finish_reason?: string | null
}

interface Document {
  type?: string
  delta?: string | { text?: string; stop_reason?: string }
  choices?: Choice[]
  usage?: { completion_tokens?: number; output_tokens?: number } | null
  error?: unknown
  response?: Document
  output?: { content?: { text?: string }[] }[]
  content?: { text?: string }[]
  status?: string
  stop_reason?: string
  message?: { content?: string }
  done?: boolean
  done_reason?: string
  eval_count?: number
  lobstah_receipt?: object
  lobstah_earlier_receipts?: object[]
}

const user = (content: string): object => ({ messages: [{ role: 'user', content }] })
const parse = (text: string): Document => JSON.parse(text) as Document

function events(stream: string): { all: Document[]; receipts: string[]; failure: string | undefined } {
  const { data, comments } = readSse(stream)
  const all = data.filter((each) => each !== '[DONE]').map(parse)
  return {
    all,
    receipts: comments.flatMap((comment) => /^lobstah-receipt (.*)/.exec(comment)?.[1] ?? []),
    failure: all.map(({ error }) => error).find((error) => error != null) && JSON.stringify(all.at(-1))
  }
}

/** Choices of OpenAI's formats, put together. */
function choicesOf(all: Document[]): Pick<Spoken, 'texts' | 'ends' | 'finishReason' | 'completionTokens'> {
  const texts: string[] = []
  let ends = 0
  let finishReason: string | undefined
  for (const { index = 0, delta, message, text, finish_reason: reason } of all.flatMap(
    ({ choices = [] }) => choices
  )) {
    texts[index] = (texts[index] ?? '') + (delta?.content ?? message?.content ?? text ?? '')
    if (reason == null) continue
    ends++
    finishReason = reason
  }
  const completionTokens = all.findLast(({ usage }) => usage != null)?.usage?.completion_tokens
  return { texts, ends, finishReason, completionTokens }
}

function openai(path: string, body: (prompt: string) => object): SpokenSurface {
  return {
    path,
    body: (prompt) => ({ stream_options: { include_usage: true }, ...body(prompt) }),
    stream: (text) => {
      const { all, ...rest } = events(text)
      return { ...choicesOf(all), ...rest }
    },
    document: (text) => ({ ...choicesOf([parse(text)]), receipts: [] })
  }
}

const textsOf = (parts: { text?: string }[] = []): string => parts.map(({ text }) => text ?? '').join('')

/** The five surfaces that give a text. */
export const SPOKEN: Record<string, SpokenSurface> = {
  chat: openai('/v1/chat/completions', user),
  completions: openai('/v1/completions', (prompt) => ({ prompt })),
  responses: {
    path: '/v1/responses',
    body: (input) => ({ input }),
    stream: (text) => {
      const { all, ...rest } = events(text)
      const pieces = all.filter(({ type }) => type === 'response.output_text.delta')
      const ended = all.filter(({ type }) => /^response\.(completed|incomplete)$/.test(type ?? ''))
      return {
        texts: [pieces.map(({ delta }) => (typeof delta === 'string' ? delta : '')).join('')],
        ends: ended.length,
        finishReason: ended[0]?.response?.status,
        completionTokens: ended[0]?.response?.usage?.output_tokens,
        ...rest
      }
    },
    document: (text) => {
      const { output = [], status, usage } = parse(text)
      return {
        texts: [output.map(({ content }) => textsOf(content)).join('')],
        ends: 1,
        finishReason: status,
        completionTokens: usage?.output_tokens,
        receipts: []
      }
    }
  },
  messages: {
    path: '/v1/messages',
    body: (prompt) => ({ ...user(prompt), max_tokens: 4096 }),
    stream: (text) => {
      const { all, ...rest } = events(text)
      const deltas = all.flatMap(({ delta }) => (typeof delta === 'object' ? [delta] : []))
      return {
        texts: [textsOf(deltas)],
        ends: all.filter(({ type }) => type === 'message_stop').length,
        finishReason: deltas.find(({ stop_reason: reason }) => reason)?.stop_reason,
        completionTokens: all.find(({ type }) => type === 'message_delta')?.usage?.output_tokens,
        ...rest
      }
    },
    document: (text) => {
      const { content, stop_reason: finishReason, usage } = parse(text)
      return {
        texts: [textsOf(content)],
        ends: 1,
        finishReason,
        completionTokens: usage?.output_tokens,
        receipts: []
      }
    }
  },
  ollama: {
    path: '/api/chat',
    body: user,
    stream: (text) => ollama(text.trim().split('\n').map(parse)),
    document: (text) => ollama([parse(text)])
  }
}

function ollama(lines: Document[]): Spoken {
  const last = lines.at(-1)
  const receipts = [...(last?.lobstah_earlier_receipts ?? []), last?.lobstah_receipt ?? []].flat()
  return {
    texts: [lines.map(({ message }) => message?.content ?? '').join('')],
    ends: lines.filter(({ done }) => done).length,
    finishReason: last?.done_reason,
    completionTokens: last?.eval_count,
    receipts: receipts.map((receipt) => JSON.stringify(receipt)),
    failure: last?.error === undefined ? undefined : JSON.stringify(last)
  }
}

/** Asks a gateway, and puts together what came. Throws where the answer is no 200, or broke off. */
export async function askGateway(
  url: string,
  surface: SpokenSurface,
  body: { stream: boolean; [field: string]: unknown },
  headers: Record<string, string> = {}
): Promise<Spoken> {
  const response = await fetch(`${url}${surface.path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body)
  })
  const text = await response.text()
  assert.equal(response.status, 200, text)
  const spoken = body.stream ? surface.stream(text) : surface.document(text)
  const header = response.headers.get('x-lobstah-receipt')
  if (header !== null)
    for (const receipt of header.split(', '))
      spoken.receipts.push(Buffer.from(receipt, 'base64url').toString())
  return spoken
}
