import { setTimeout as delay } from 'node:timers/promises'

/** Pause of a client between two requests, in milliseconds. */
const PAUSE_MS = 200

/** The client's word for an answer that is as complete as it wanted. */
const ANSWERED = 'answered'

/** Clients of a gateway at once: one waits for its answers, one streams, one hangs up. */
const CLIENTS: ((url: string, body: object) => Promise<string>)[] = [
  async (url, body) => {
    const text = await (await ask(url, body)).text()
    return text.includes('"finish_reason"') ? ANSWERED : codeIn(text)
  },
  async (url, body) => {
    const text = await (await ask(url, { ...body, stream: true })).text()
    return text.includes('[DONE]') ? ANSWERED : codeIn(text)
  },
  async (url, body) => {
    const reply = await ask(url, { ...body, stream: true })
    if (!reply.ok) return codeIn(await reply.text())
    await reply.body?.cancel()
    return ANSWERED
  }
]

/** How often clients were answered, and by code how often not. */
export interface Outcomes {
  answered: number
  failed: Record<string, number>
}

/** Asks a gateway for short answers until told to stop; resolves to how many came whole, and how many did not. */
export async function clients(url: string, model: string, signal: AbortSignal): Promise<Outcomes> {
  const outcomes: Outcomes = { answered: 0, failed: {} }
  await Promise.all(
    CLIENTS.map(async (client) => {
      for (let n = 0; !signal.aborted; n++) {
        const body = { model, max_tokens: 32, messages: [{ role: 'user', content: `question ${n}` }] }
        const outcome = await client(url, body).catch((err: unknown) => String(err))
        if (outcome === ANSWERED) outcomes.answered++
        else outcomes.failed[outcome] = (outcomes.failed[outcome] ?? 0) + 1
        await delay(PAUSE_MS)
      }
    })
  )
  return outcomes
}

async function ask(url: string, body: object): Promise<Response> {
  return await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000)
  })
}

function codeIn(text: string): string {
  return /"code":\s*"([^"]*)"/.exec(text)?.[1] ?? 'cut off'
}
