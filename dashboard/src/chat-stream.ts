import { ask, eventsOf } from './api.ts'

/** A message of a conversation as the API takes it. */
export interface Message {
  role: 'user' | 'assistant'
  content: string
}

/** An answer as far as it has come. */
export interface Answer {
  text: string
  /** What a model thinks before it answers. */
  thinking: string
  peers: string[]
  /** `local`, `direct` or `relayed`, and why, of the latest. */
  route: string
  why: string
  usage?: { prompt_tokens: number; completion_tokens: number }
  receipts: Receipt[]
  firstTokenMs?: number
  totalMs: number
  finish?: string
}

/** A receipt, and what it says. */
export interface Receipt {
  credits: number
  order: string
  record: unknown
}

interface Chunk {
  choices?: {
    delta?: { content?: string | null; reasoning_content?: string | null; reasoning?: string | null }
    finish_reason?: string | null
  }[]
  usage?: { prompt_tokens: number; completion_tokens: number } | null
  error?: { message?: string }
}

/** Asks a model and tells each step of its answer; resolves to the whole. Throws what went wrong. */
export async function converse(
  model: string,
  messages: Message[],
  signal: AbortSignal,
  onProgress: (answer: Answer) => void
): Promise<Answer> {
  const begun = performance.now()
  const body = JSON.stringify({ model, messages, stream: true, stream_options: { include_usage: true } })
  const response = await ask('/v1/chat/completions', { method: 'POST', body, signal })
  const peers = (response.headers.get('x-lobstah-peer') ?? '').split(', ').filter((peer) => peer !== '')
  const answer: Answer = {
    text: '',
    thinking: '',
    peers,
    ...routeOf(response.headers.get('x-lobstah-route') ?? ''),
    receipts: [],
    totalMs: 0
  }
  for await (const data of eventsOf(response, (comment) => takeReceipt(answer, comment))) {
    if (data === '[DONE]') continue
    const chunk = JSON.parse(data) as Chunk
    if (chunk.error !== undefined) throw new Error(chunk.error.message ?? 'The answer broke off')
    const choice = chunk.choices?.[0]
    const text = choice?.delta?.content ?? ''
    const thought = choice?.delta?.reasoning_content ?? choice?.delta?.reasoning ?? ''
    if (text !== '' || thought !== '') answer.firstTokenMs ??= performance.now() - begun
    answer.text += text
    answer.thinking += thought
    if (choice?.finish_reason != null) answer.finish = choice.finish_reason
    if (chunk.usage != null) answer.usage = chunk.usage
    answer.totalMs = performance.now() - begun
    onProgress({ ...answer })
  }
  if (answer.finish === undefined) throw new Error('The answer broke off')
  return { ...answer }
}

/** The latest of the routes that a header tells, such as `direct;why=soonest;of=2, local`. */
function routeOf(header: string): Pick<Answer, 'route' | 'why'> {
  const [route = '', ...fields] = header.split(', ').at(-1)?.split(';') ?? []
  const field = (name: string): string =>
    fields.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1) ?? ''
  const of = Number(field('of'))
  return { route, why: of > 1 ? `${field('why')} of ${of}` : field('why') }
}

function takeReceipt(answer: Answer, comment: string): void {
  if (!comment.startsWith('lobstah-receipt ')) return
  try {
    const record = JSON.parse(comment.slice('lobstah-receipt '.length)) as { payload: string }
    const payload = JSON.parse(record.payload) as { credits?: number; id?: string; order?: string }
    answer.receipts.push({ credits: payload.credits ?? 0, order: payload.order ?? payload.id ?? '', record })
  } catch {
    // A later version's receipt: its answer is as good.
  }
}
