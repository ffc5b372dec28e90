import { setTimeout as delay } from 'node:timers/promises'

/** Pause of a client between two requests, in milliseconds. */
const PAUSE_MS = 200

/** Clients of a gateway at once: one waits for its answers, one streams, one hangs up. */
const CLIENTS: ((url: string, body: object) => Promise<boolean>)[] = [
  async (url, body) => {
    const reply = await ask(url, body)
    const text = await reply.text()
    return reply.ok && text.includes('"finish_reason"')
  },
  async (url, body) => {
    const reply = await ask(url, { ...body, stream: true })
    return (await reply.text()).includes('[DONE]')
  },
  async (url, body) => {
    const reply = await ask(url, { ...body, stream: true })
    await reply.body?.cancel()
    return reply.ok
  }
]

/** Asks a gateway for short answers until told to stop; resolves to how many came whole, and how many did not. */
export async function clients(
  url: string,
  model: string,
  signal: AbortSignal
): Promise<{ answered: number; failed: number }> {
  const counts = { answered: 0, failed: 0 }
  await Promise.all(
    CLIENTS.map(async (client) => {
      for (let n = 0; !signal.aborted; n++) {
        const body = { model, max_tokens: 32, messages: [{ role: 'user', content: `question ${n}` }] }
        const whole = await client(url, body).catch(() => false)
        counts[whole ? 'answered' : 'failed']++
        await delay(PAUSE_MS)
      }
    })
  )
  return counts
}

async function ask(url: string, body: object): Promise<Response> {
  return await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000)
  })
}
