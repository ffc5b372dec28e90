import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { toEnvelope, toFailure } from './failures.ts'

/** Answers requests that never become one: not HTTP, headers too large, or too slow. */
export class ClientErrors {
  /** Each connection's latest response. */
  readonly #responses = new WeakMap<Socket, ServerResponse>()

  /** Remembers which response a connection is busy with. */
  watch(socket: Socket, response: ServerResponse): void {
    this.#responses.set(socket, response)
  }

  /** For Node's `clientError` event. */
  readonly answer = (err: Error, socket: Socket): void => {
    const response = this.#responses.get(socket)
    const midway = response !== undefined && response.headersSent && !response.writableFinished
    // An error written into the middle of an answer would be read as a part of it.
    if (midway || !socket.writable) {
      socket.destroy()
      return
    }
    const failure = toFailure(err)
    const body = JSON.stringify(toEnvelope(failure))
    const headers = {
      ...failure.headers,
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      connection: 'close'
    }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.end(
      `HTTP/1.1 ${failure.status} ${STATUS_CODES[failure.status] ?? ''}\r\n${lines.join('')}\r\n${body}`
    )
  }
}
