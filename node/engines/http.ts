import { once } from 'node:events'
import { Agent as HttpAgent, request as requestHttp, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'

/** Connections are kept: a new one to the engine would cost each first token a millisecond. */
const AGENTS = { http: new HttpAgent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true }) }

/** Error codes of a lost connection. */
const GONE = new Set(['ECONNRESET', 'EPIPE'])

/** Connections that are guarded. */
const guarded = new WeakSet<Socket>()

/**
 * Keeps a connection's error from ending the process: Node listens for none in the moment in which a body has ended
 * and its connection is not free yet, where an abort makes one. Request and body tell of it where it matters.
 */
function guard(socket: Socket): void {
  if (guarded.has(socket)) return
  guarded.add(socket)
  socket.on('error', () => undefined)
}

/** How much of an error's body is read, in characters. */
const MAX_ERROR_LENGTH = 64 * 1024

export interface AskInit {
  method?: string | undefined
  headers?: Record<string, string>
  body?: string | undefined
  signal?: AbortSignal | undefined
}

/**
 * Asks a server, and waits for the headers as long as the signal allows: an engine sends them with its first
 * token, which may take minutes of loading.
 */
export async function ask(url: URL, init: AskInit): Promise<IncomingMessage> {
  const tls = url.protocol === 'https:'
  for (;;) {
    const outgoing = (tls ? requestHttps : requestHttp)(url, {
      method: init.method ?? 'GET',
      headers: init.headers ?? {},
      signal: init.signal,
      agent: tls ? AGENTS.https : AGENTS.http
    })
    // An abort after the headers is reported on the body; without a listener it would end the process here.
    outgoing.on('error', () => undefined)
    outgoing.once('socket', guard)
    const headersCame = once(outgoing, 'response')
    outgoing.end(init.body)
    try {
      const [incoming] = (await headersCame) as [IncomingMessage]
      return incoming
    } catch (err) {
      // The server may close a kept connection just as a request goes out: another connection is tried.
      if (!outgoing.reusedSocket || !(err instanceof Error && 'code' in err && GONE.has(String(err.code))))
        throw err
    }
  }
}

/** `fetch` that is as patient as {@link ask}: Node's own gives up after 300 s. Bodies are text. */
export async function patientFetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const incoming = await ask(new URL(input instanceof Request ? input.url : input), {
    method: init.method,
    headers: Object.fromEntries(new Headers(init.headers)),
    body: typeof init.body === 'string' ? init.body : undefined,
    signal: init.signal ?? undefined
  })
  const headers = new Headers()
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value)
  }
  return new Response(Readable.toWeb(incoming), { status: incoming.statusCode, headers })
}

/** The beginning of a body, for an error's message. */
export async function errorText(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const piece of body) {
    text += decoder.decode(piece, { stream: true })
    if (text.length >= MAX_ERROR_LENGTH) break
  }
  return text.slice(0, MAX_ERROR_LENGTH)
}
