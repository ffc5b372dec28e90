import assert from 'node:assert/strict'
import { exchange } from './raw-http.ts'

/** A request as it is sent, byte by byte. */
export interface Probe {
  method?: string
  path?: string
  /** Undefined leaves a header out. */
  headers?: Record<string, string | undefined>
  body?: string
}

/** An HTTP answer. */
export interface Reply {
  status: number
  headers: Map<string, string>
  body: string
}

/** Sends a request on a connection of its own. */
export async function probe(
  url: string,
  { method = 'GET', path = '/healthz', headers = {}, body = '' }: Probe
): Promise<Reply> {
  const all: Record<string, string | undefined> = {
    host: new URL(url).host,
    connection: 'close',
    ...(body === ''
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
    ...headers
  }
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`]
  )
  return parseReply(await exchange(url, `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`))
}

/** An answer's text, taken apart. */
export function parseReply(text: string): Reply {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = new Map(
    lines.map((line) => [line.split(':')[0]!.toLowerCase(), line.replace(/^[^:]*: ?/, '')])
  )
  return { status: Number(statusLine.split(' ')[1]), headers, body: rest.join('\r\n\r\n') }
}

/** An answer of a status, and OpenAI's error document with a code. */
export function assertEnvelope(reply: Reply, status: number, code: string): void {
  assert.equal(reply.status, status, reply.body)
  assert.match(reply.headers.get('content-type') ?? '', /^application\/json/)
  const { error } = JSON.parse(reply.body) as { error: Record<string, unknown> }
  assert.deepEqual(Object.keys(error).sort(), ['code', 'message', 'param', 'type'])
  assert.equal(error.code, code)
  assert.equal(typeof error.message, 'string')
  assert.equal(typeof error.type, 'string')
}
