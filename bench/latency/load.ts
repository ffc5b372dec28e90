import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { nowUs } from './clock.ts'
import { BenchmarkError } from './errors.ts'
import { TOKEN_INTERVAL_MS } from './ticker.ts'

/** Longest silence on a connection before a stream counts as failed, in milliseconds. */
const IDLE_TIMEOUT_MS = 30_000

/** The tokens of one or more deltas: the times at which the engine sent them. */
const CONTENT = /"content":"([\d ]+)"/g

export interface Load {
  /** Base address, without `/v1`. */
  url: string
  model: string
  /** Streams open at the same time. */
  streams: number
  /** Streams that each of them is followed by, itself included. */
  requests: number
  /** Tokens of one stream. */
  tokens: number
  /** Starts all at once, instead of spread evenly over the duration of one stream. */
  burst: boolean
}

export interface LoadResult {
  /** From sending the request to the first token, of each stream, in milliseconds. */
  ttftMs: number[]
  /** From the engine to the client, of each token but the first, in milliseconds. */
  chunkMs: number[]
  /** How many streams failed, by what failed. */
  errors: Record<string, number>
  /** How many streams came by which route, as the gateway tells. */
  routes: Record<string, number>
}

/** Asks in a closed loop: each stream is followed by the next as soon as it ends. */
export async function run(load: Load): Promise<LoadResult> {
  const result: LoadResult = { ttftMs: [], chunkMs: [], errors: {}, routes: {} }
  const agent = new Agent({ keepAlive: true })
  const spread = load.burst ? 0 : (load.tokens * TOKEN_INTERVAL_MS) / load.streams
  try {
    await Promise.all(
      Array.from({ length: load.streams }, async (_, index) => {
        await delay(index * spread)
        for (let count = 0; count < load.requests; count++) await ask(load, agent, result)
      })
    )
  } finally {
    agent.destroy()
  }
  return result
}

async function ask(load: Load, agent: Agent, result: LoadResult): Promise<void> {
  const reader = new TokenReader()
  const asked = nowUs()
  try {
    const outgoing = request(`${load.url}/v1/chat/completions`, {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json' },
      timeout: IDLE_TIMEOUT_MS
    })
    outgoing.once('timeout', () => outgoing.destroy(new BenchmarkError('idle')))
    outgoing.end(
      JSON.stringify({
        model: load.model,
        stream: true,
        max_tokens: load.tokens,
        messages: [{ role: 'user', content: 'Tell the time.' }]
      })
    )
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    const route = response.headers['x-lobstah-route']
    // Its reason follows the first semicolon.
    if (typeof route === 'string') increment(result.routes, route.replace(/;.*/, ''))
    response.setEncoding('utf8')
    for await (const text of response as AsyncIterable<string>) reader.take(text)
    const { delaysUs, finished, code } = reader
    if (code !== undefined) throw new BenchmarkError(`${response.statusCode} ${code}`)
    if (!finished || delaysUs.length !== load.tokens) {
      throw new BenchmarkError(`${delaysUs.length} of ${load.tokens} tokens`)
    }
    result.ttftMs.push((reader.firstUs - asked) / 1000)
    for (const delay of delaysUs.slice(1)) result.chunkMs.push(delay / 1000)
  } catch (err) {
    increment(result.errors, err instanceof Error ? err.message : String(err))
  }
}

/** Reads the times out of a stream of events, without parsing what is around them. */
class TokenReader {
  /** How long each token took, in microseconds. */
  readonly delaysUs: number[] = []
  /** When the first token came. */
  firstUs = 0
  finished = false
  /** The code of an error in the answer's place, or in its midst. */
  code: string | undefined
  #rest = ''

  take(piece: string): void {
    const now = nowUs()
    const text = this.#rest + piece
    this.code ??= /"error":.*"code":"(\w+)"/.exec(text)?.[1]
    const end = text.lastIndexOf('\n\n')
    this.#rest = text.slice(end + 1)
    if (end === -1) return
    const events = text.slice(0, end)
    for (const [, sentTimes = ''] of events.matchAll(CONTENT)) {
      if (this.firstUs === 0) this.firstUs = now
      for (const sent of sentTimes.trim().split(' ')) this.delaysUs.push(now - Number(sent))
    }
    this.finished ||= events.endsWith('data: [DONE]')
  }
}

function increment(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1
}
