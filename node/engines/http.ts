import { once } from 'node:events'
import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { Readable } from 'node:stream'

/** How much of an error's body is read, in characters. */
const MAX_ERROR_LENGTH = 64 * 1024

/**
 * `fetch` that waits for the headers as long as its signal allows: an engine sends them with its first token,
 * which may take minutes of loading, while Node's own gives up after 300 s. Bodies are text.
 */
export async function patientFetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const url = new URL(input instanceof Request ? input.url : input)
  const open = url.protocol === 'https:' ? requestHttps : requestHttp
  const outgoing = open(url, {
    method: init.method ?? 'GET',
    headers: Object.fromEntries(new Headers(init.headers)),
    signal: init.signal ?? undefined,
    // A pooled socket may be closed by the server just as a POST goes out, and a POST is not sent twice.
    agent: false
  })
  // An abort after the headers is reported on the body; without a listener it would end the process here.
  outgoing.on('error', () => undefined)
  const headersCame = once(outgoing, 'response')
  outgoing.end(typeof init.body === 'string' ? init.body : undefined)
  const [incoming] = (await headersCame) as [IncomingMessage]
  const headers = new Headers()
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value)
  }
  return new Response(Readable.toWeb(incoming), { status: incoming.statusCode, headers })
}

/** A body's text, piece by piece as it comes. */
export async function* textOfBody(response: Response): AsyncIterable<string> {
  const decoder = new TextDecoder()
  const chunks: AsyncIterable<Uint8Array> | undefined = response.body ?? undefined
  for await (const chunk of chunks ?? []) yield decoder.decode(chunk, { stream: true })
}

/** The beginning of a body, for an error's message. */
export async function errorText(response: Response): Promise<string> {
  let text = ''
  for await (const piece of textOfBody(response)) {
    text += piece
    if (text.length >= MAX_ERROR_LENGTH) break
  }
  return text.slice(0, MAX_ERROR_LENGTH)
}
