import { isIPv6 } from 'node:net'
import { createParser } from 'eventsource-parser'
import { z } from 'zod'
import { readHomeToken } from '../../http-gateway/index.ts'
import type { Config } from '../config/index.ts'
import { cleanLine } from './terminal-text.ts'
import { CommandError, EXIT } from './errors.ts'
import { readRunning } from './runtime-file.ts'

/** Longest wait for an answer that is not streamed, in milliseconds. */
const TIMEOUT_MS = 10_000

const envelope = z.object({ error: z.object({ message: z.string(), code: z.string().nullable() }) })

/** A server-sent event, or a comment. */
export type StreamItem = { data: string } | { comment: string }

/** Talks to the node that runs on a home, by its gateway. */
export class GatewayClient {
  readonly url: string
  readonly #key: string | undefined

  private constructor(url: string, key: string | undefined) {
    this.url = url
    this.#key = key
  }

  /** Finds the running node: by what it wrote into its home, else where the settings put its gateway. */
  static async of(config: Config): Promise<GatewayClient> {
    // One that a crash left behind may name a port that another program has now, which must not get this home's token.
    const runtime = await readRunning(config.home)
    if (runtime?.gateway === null)
      throw new CommandError(
        `The node running on ${config.home} has no gateway: it is a relay, or was started with --no-gateway, and so has no models or contributors to list. Use the home of a node with a gateway: --home <folder>`,
        EXIT.unavailable
      )
    return new GatewayClient(
      runtime?.gateway ?? urlOf(config),
      config.apiKeys[0] ?? (await readHomeToken(config.home))
    )
  }

  /** A JSON answer, parsed. Throws CommandError. */
  async get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const response = await this.#fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    return schema.parse(await response.json())
  }

  /** A streamed answer, with its response headers. Throws CommandError. */
  async post(
    path: string,
    body: unknown,
    signal: AbortSignal
  ): Promise<{ headers: Headers; items: AsyncIterable<StreamItem> }> {
    const response = await this.#fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal
    })
    return { headers: response.headers, items: streamItems(response) }
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers)
    if (this.#key !== undefined) headers.set('authorization', `Bearer ${this.#key}`)
    let response: Response
    try {
      response = await fetch(this.url + path, { ...init, headers })
    } catch (err) {
      if (init.signal?.aborted === true && !(err instanceof DOMException && err.name === 'TimeoutError'))
        throw err
      throw noAnswer(this.url, err)
    }
    if (response.ok) return response
    throw await refusal(response)
  }
}

function noAnswer(url: string, err: unknown): CommandError {
  const cause = err instanceof Error ? err.cause : undefined
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const message = /CERT|SIGNED|VERIFY|TLS|SSL/.test(code)
    ? `The certificate of ${url} is not trusted (${code}). It must name the host in this address; pass its issuer with NODE_EXTRA_CA_CERTS=<file>`
    : `No lobstah-node answers at ${url}. Start one first: lobstah-node`
  return new CommandError(message, EXIT.unavailable, { cause: err })
}

function urlOf({ gatewayHost: host, gatewayPort, gatewayCert }: Config): string {
  const scheme = gatewayCert === undefined ? 'http' : 'https'
  return `${scheme}://${isIPv6(host) ? `[${host}]` : host}:${gatewayPort}`
}

async function refusal(response: Response): Promise<CommandError> {
  const parsed = envelope.safeParse(await response.json().catch(() => undefined))
  const message = parsed.success
    ? cleanLine(parsed.data.error.message)
    : `The gateway answered ${response.status}`
  return new CommandError(message, exitCodeOf(response.status))
}

/** A model that nobody serves, or nobody has a slot for, may be there later; a wrong key will not be right. */
function exitCodeOf(status: number): number {
  if (status === 401) return EXIT.usage
  return status === 404 || status === 429 || status >= 500 ? EXIT.unavailable : EXIT.failed
}

async function* streamItems(response: Response): AsyncGenerator<StreamItem> {
  const items: StreamItem[] = []
  const parser = createParser({
    onEvent: ({ data }) => items.push({ data }),
    onComment: (comment) => items.push({ comment })
  })
  try {
    for await (const text of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      parser.feed(text)
      yield* items.splice(0)
    }
  } catch (err) {
    // For a lost connection, fetch says no more than "terminated".
    if (!(err instanceof TypeError)) throw err
    throw new CommandError('The answer broke off: the gateway is gone', EXIT.unavailable, { cause: err })
  }
}
