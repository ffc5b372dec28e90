/**
 * A user inside a namespace: reads commands as lines of JSON, asks the node's gateway there, and prints what
 * came back. Times are in milliseconds.
 */
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { multiaddr } from '@multiformats/multiaddr'
import { createParser } from 'eventsource-parser'
import { z } from 'zod'
import { isPublicAddress } from '../../node/addresses/index.ts'

const command = z.object({
  id: z.number(),
  url: z.string(),
  do: z.enum(['models', 'peers', 'chat', 'path', 'reachable', 'failovers']),
  question: z.string().default(''),
  /** The condition to wait for: a count of models, or any path but `relayed`. */
  timeoutMs: z.number().default(20_000)
})

const peerList = z.object({
  peers: z.array(
    z.looseObject({ peer: z.string(), route: z.string(), path: z.string().nullish(), state: z.string() })
  )
})

const chunk = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        delta: z.looseObject({ content: z.string().nullish() }).optional(),
        finish_reason: z.string().nullish()
      })
    )
    .default([]),
  error: z.looseObject({ message: z.string() }).optional()
})

/** Characters of an answer that are kept: some answers have many megabytes. */
const MAX_TEXT = 16_384

for await (const line of createInterface({ input: process.stdin })) {
  const request = command.parse(JSON.parse(line))
  void run(request).then(
    (answer) => say({ id: request.id, ...answer }),
    (err: unknown) => say({ id: request.id, failed: String(err) })
  )
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}

async function run(request: z.infer<typeof command>): Promise<object> {
  switch (request.do) {
    case 'models':
      return await until(request, async () => {
        const { data } = z.object({ data: z.array(z.unknown()) }).parse(await get(`${request.url}/v1/models`))
        return data.length > 0 ? { models: data.length } : undefined
      })
    case 'path':
      return await until(request, async () => {
        const [peer] = peerList.parse(await get(`${request.url}/peers`)).peers
        return peer !== undefined && peer.route !== 'relayed' ? peer : undefined
      })
    case 'reachable':
      return await until(request, async () => {
        const { addresses } = z
          .object({ addresses: z.array(z.string()) })
          .parse(await get(`${request.url}/pubkey`))
        const direct = addresses.find((address) => isPublicAddress(multiaddr(address)))
        return direct === undefined ? undefined : { address: direct }
      })
    case 'peers':
      return peerList.parse(await get(`${request.url}/peers`))
    case 'failovers': {
      const response = await fetch(`${request.url}/metrics`, { signal: AbortSignal.timeout(5000) })
      const count = /^lobstah_consumer_failovers_total (\d+)$/m.exec(await response.text())?.[1]
      return { failovers: Number(count) }
    }
    case 'chat':
      return await chat(request)
  }
}

async function get(url: string): Promise<unknown> {
  return await (await fetch(url, { signal: AbortSignal.timeout(5000) })).json()
}

/** Asks again and again until there is an answer; `ms` is how long that took, or null. */
async function until(
  request: z.infer<typeof command>,
  look: () => Promise<object | undefined>
): Promise<object> {
  const began = performance.now()
  while (performance.now() - began < request.timeoutMs) {
    const found = await look()
    if (found !== undefined) return { ...found, ms: Math.round(performance.now() - began) }
    await delay(20)
  }
  return { ms: null }
}

async function chat(request: z.infer<typeof command>): Promise<object> {
  const began = performance.now()
  const since = (): number => Math.round(performance.now() - began)
  const result = {
    status: 0,
    route: '',
    firstMs: null as number | null,
    ms: 0,
    bytes: 0,
    /** The beginning of what came. */
    text: '',
    /** Longest time between two pieces. */
    gapMs: 0,
    finish: null as string | null,
    error: null as string | null
  }
  try {
    const response = await fetch(`${request.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'lab:1b',
        stream: true,
        messages: [{ role: 'user', content: request.question }]
      }),
      signal: AbortSignal.timeout(request.timeoutMs)
    })
    result.status = response.status
    // Its reason follows the first semicolon.
    result.route = response.headers.get('x-lobstah-route')?.split(';', 1)[0] ?? ''
    if (!response.ok) {
      result.error = (await response.text()).slice(0, 300)
      return { ...result, ms: since() }
    }
    let last = since()
    const parser = createParser({
      onEvent: ({ data }) => {
        if (data === '[DONE]') return
        const { choices, error } = chunk.parse(JSON.parse(data))
        if (error !== undefined) result.error = error.message
        const text = choices[0]?.delta?.content ?? ''
        result.finish = choices[0]?.finish_reason ?? result.finish
        if (text === '') return
        result.firstMs ??= since()
        result.gapMs = Math.max(result.gapMs, since() - last)
        last = since()
        result.bytes += text.length
        if (result.text.length < MAX_TEXT) result.text += text
        if (result.bytes === text.length) say({ began: request.id })
      }
    })
    for await (const piece of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      parser.feed(piece)
    }
  } catch (err) {
    // An error event says more than the cut that follows it.
    result.error ??= String(err)
  }
  return { ...result, ms: since() }
}
