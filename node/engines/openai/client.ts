import type { IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { EngineFailedError } from '../../../protocols/errors.ts'
import { ask, errorText, type AskInit } from '../http.ts'
import { messageOf, quote, statusError } from '../errors.ts'

/** Longest event of an answer, in characters. */
const MAX_EVENT_LENGTH = 16 * 1024 * 1024

/** How long a server may take to end a body after its `[DONE]` before it is hung up on, in milliseconds. */
const END_GRACE_MS = 1000

/** What messages call the server. */
export const SERVER = 'The OpenAI-compatible server'

/** Asks one OpenAI-compatible server. */
export class OpenaiClient {
  /** Base URL without `/v1`. */
  readonly url: string
  readonly #headers: Record<string, string>

  constructor(url: string, apiKey?: string) {
    this.url = url.replace(/\/+$/, '').replace(/\/v1$/, '')
    this.#headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  }

  /** The JSON that a path answers. Throws what the status means. */
  async get(path: string, signal: AbortSignal): Promise<unknown> {
    return await json(await this.#ask(path, { signal }))
  }

  /** The JSON that a path answers to a body. Throws what the status means. */
  async post(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    return await json(await this.#post(path, body, signal))
  }

  /** The events of a stream, parsed, up to its `[DONE]`. Throws EngineFailedError when it ends without. */
  async *stream(path: string, body: object, signal: AbortSignal): AsyncIterable<unknown> {
    const response = await this.#post(path, body, signal)
    const events: EventSourceMessage[] = []
    const parser = createParser({
      maxBufferSize: MAX_EVENT_LENGTH,
      onEvent: (event) => events.push(event),
      onError: (err) => {
        // Older llama.cpp servers report a failure in a field of its own.
        if (err.field === 'error') throw new EngineFailedError(`${SERVER} failed: ${quote(err.value ?? '')}`)
        if (err.type === 'max-buffer-size-exceeded')
          throw new EngineFailedError(`${SERVER} sent an endless event`)
      }
    })
    let done = false
    try {
      const texts = response.setEncoding('utf8').iterator({ destroyOnReturn: false }) as AsyncIterable<string>
      for await (const text of texts) {
        parser.feed(text)
        for (const event of events.splice(0)) {
          if (event.data === '[DONE]') {
            done = true
            return
          }
          // Many events may have come at once.
          signal.throwIfAborted()
          yield parse(event)
        }
      }
    } finally {
      // Read to its end, the connection can be used again; else the engine has to see that nobody listens.
      if (done) readToEnd(response)
      else response.destroy()
    }
    throw new EngineFailedError(`${SERVER} ended the answer without [DONE]`)
  }

  #post(path: string, body: object, signal: AbortSignal): Promise<IncomingMessage> {
    return this.#ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal
    })
  }

  async #ask(path: string, init: AskInit): Promise<IncomingMessage> {
    const headers = { ...this.#headers, ...init.headers }
    const response = await ask(new URL(this.url + path), { ...init, headers })
    const { statusCode = 500 } = response
    if (statusCode < 200 || statusCode > 299) throw statusError(SERVER, statusCode, await errorText(response))
    return response
  }
}

function readToEnd(response: IncomingMessage): void {
  const timer = setTimeout(() => response.destroy(), END_GRACE_MS).unref()
  response.once('close', () => {
    clearTimeout(timer)
  })
  response.resume()
}

function parse(event: EventSourceMessage): unknown {
  let data: unknown
  try {
    data = JSON.parse(event.data)
  } catch (cause) {
    throw new EngineFailedError(`${SERVER} sent an event that is not JSON`, { cause })
  }
  const failed = event.event === 'error' || (typeof data === 'object' && data !== null && 'error' in data)
  if (failed) throw new EngineFailedError(`${SERVER} failed: ${quote(messageOf(event.data))}`)
  return data
}
