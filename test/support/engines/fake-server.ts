import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { RecordedRequest } from './script.ts'

/** One request while it is answered. */
export interface Exchange {
  request: RecordedRequest
  response: ServerResponse
  /** Aborted when the client leaves before the answer is over. */
  signal: AbortSignal
}

/** The base of both fake engines: an HTTP server on 127.0.0.1 that remembers what it was asked. */
export abstract class FakeServer {
  readonly requests: RecordedRequest[] = []
  /** How many answers were left by their clients. */
  aborted = 0
  readonly #server: Server
  readonly #arrivals: (() => void)[] = []

  constructor() {
    this.#server = createServer((incoming, response) => {
      this.#serve(incoming, response).catch(() => response.destroy())
    })
  }

  /** `http://127.0.0.1:<port>`, once it listens. */
  get url(): string {
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`
  }

  /** Requests to one path, oldest first. */
  to(path: string): RecordedRequest[] {
    return this.requests.filter((request) => request.path === path)
  }

  /** The request of this number to a path, as soon as it is there. */
  async arrival(path: string, number = 0): Promise<RecordedRequest> {
    for (;;) {
      const request = this.to(path)[number]
      if (request !== undefined) return request
      await new Promise<void>((resolve) => this.#arrivals.push(resolve))
    }
  }

  async listen(port = 0): Promise<this> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  protected abstract answer(exchange: Exchange): Promise<void>

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const over = Promise.withResolvers<'done' | 'aborted'>()
    const left = new AbortController()
    response.on('close', () => {
      if (!response.writableFinished) {
        this.aborted++
        left.abort()
      }
      over.resolve(response.writableFinished ? 'done' : 'aborted')
    })
    const body = await text(incoming)
    const request: RecordedRequest = {
      method: incoming.method ?? 'GET',
      path: new URL(incoming.url ?? '/', 'http://fake').pathname,
      headers: incoming.headers,
      body: body === '' ? undefined : parse(body),
      over: over.promise
    }
    this.requests.push(request)
    for (const resolve of this.#arrivals.splice(0)) resolve()
    await this.answer({ request, response, signal: left.signal })
  }
}

/** Answers with JSON. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
  response.end(JSON.stringify(body))
}

/** The object that a value is, or an empty one. */
export function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** The array that a value is, or an empty one. */
export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

/** The text of a message's content, whichever form it has. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content
  return list(content)
    .map((part) => record(part).text)
    .filter((part) => typeof part === 'string')
    .join('')
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body) as unknown
  } catch {
    return body
  }
}
