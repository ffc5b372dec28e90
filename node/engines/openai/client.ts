import type { IncomingMessage } from 'node:http'
import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser'
import { EngineFailedError } from '../../../protocols/errors.ts'
import { ask, errorText, type AskInit } from '../http.ts'
import { failureIn, failureOf, SERVER, toError } from './errors.ts'

/** Longest event of an answer, and longest answer that is one document, in characters. */
const MAX_EVENT_LENGTH = 16 * 1024 * 1024

/** Longest list of models or answer with embeddings, in characters. */
const MAX_DOCUMENT_LENGTH = 512 * 1024 * 1024

/** How long a server may take to end a body after its `[DONE]` before it is hung up on, in milliseconds. */
const END_GRACE_MS = 1000

/** Asks one OpenAI-compatible server. */
export class OpenaiClient {
  /** Base URL without `/v1`. */
  readonly url: string
  readonly #headers: Record<string, string>

  constructor(url: string, apiKey?: string) {
    this.url = url.replace(/\/+$/, '').replace(/\/v1$/, '')
    this.#headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  }

  /** The JSON that a path answers. Throws what a status or an error in its place means. */
  async get(path: string, signal: AbortSignal): Promise<unknown> {
    return await this.#document(path, await this.#ask(path, { signal }))
  }

  /** The JSON that a path answers to a body. Throws what a status or an error in its place means. */
  async post(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    return await this.#document(path, await this.#post(path, body, signal))
  }

  /**
   * The events of a stream, parsed, up to its `[DONE]` or its clean end; an answer that was not streamed is one event.
   * Throws what an error in place of an event means.
   */
  async *stream(path: string, body: object, signal: AbortSignal): AsyncIterable<unknown> {
    const response = await this.#post(path, body, signal)
    const events: EventSourceMessage[] = []
    const parser = newParser(events)
    let document: string | undefined
    let started = false
    let done = false
    try {
      const texts = response.setEncoding('utf8').iterator({ destroyOnReturn: false }) as AsyncIterable<string>
      for await (const text of texts) {
        if (document !== undefined) document += text
        else if (!started && text.trim() !== '') {
          started = true
          // Servers answer in one document where they fail, or do not know how to stream.
          if (!isEventStream(response, text)) document = text
        }
        if (document !== undefined) {
          if (document.length > MAX_EVENT_LENGTH)
            throw new EngineFailedError(`${SERVER} sent an endless document`)
          continue
        }
        parser.feed(text)
        for (const event of events.splice(0)) {
          if (event.data.trim() === '[DONE]') {
            done = true
            return
          }
          // Many events may have come at once.
          signal.throwIfAborted()
          if (event.data.trim() !== '') yield read(event)
        }
      }
      // An event without the blank line after it has come whole too, where the server has ended its answer.
      parser.feed('\n\n')
      for (const event of events) if (!['', '[DONE]'].includes(event.data.trim())) yield read(event)
      if (document !== undefined) yield this.#parse(path, document)
      done = true
    } finally {
      // Read to its end, the connection can be used again; else the engine has to see that nobody listens.
      if (done) readToEnd(response)
      else response.destroy()
    }
  }

  async #document(path: string, response: IncomingMessage): Promise<unknown> {
    let text = ''
    for await (const piece of response.setEncoding('utf8') as AsyncIterable<string>) {
      text += piece
      if (text.length > MAX_DOCUMENT_LENGTH) throw new EngineFailedError(`${SERVER} sent an endless document`)
    }
    return this.#parse(path, text)
  }

  #parse(path: string, text: string): unknown {
    let document: unknown
    try {
      document = JSON.parse(text)
    } catch (cause) {
      const what = text.trim() === '' ? 'nothing' : 'something other than JSON'
      throw new EngineFailedError(`${this.url}${path} answers ${what}; check the URL of the engine`, {
        cause
      })
    }
    const failure = failureIn(document)
    if (failure !== undefined) throw toError(failure)
    return document
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
    if (statusCode < 200 || statusCode > 299) throw toError(failureOf(statusCode, await errorText(response)))
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

function newParser(events: EventSourceMessage[]): EventSourceParser {
  return createParser({
    maxBufferSize: MAX_EVENT_LENGTH,
    onEvent: (event) => events.push(event),
    onError: (err) => {
      // Older llama.cpp servers report a failure in a field of its own.
      if (err.field === 'error') throw toError(failureOf(500, err.value ?? ''))
      if (err.type === 'max-buffer-size-exceeded')
        throw new EngineFailedError(`${SERVER} sent an endless event`)
    }
  })
}

/** Whether a body is a stream of events. How it begins counts for more than what its header calls it. */
function isEventStream(response: IncomingMessage, beginning: string): boolean {
  if (/^\s*[{<[]/.test(beginning)) return false
  if (response.headers['content-type']?.includes('text/event-stream') === true) return true
  return /^\ufeff?\s*(?::|(?:data|event|id|retry|error)\s*:)/.test(beginning)
}

function read(event: EventSourceMessage): unknown {
  let data: unknown
  try {
    data = JSON.parse(event.data)
  } catch (cause) {
    // An error's text need not be JSON.
    if (event.event === 'error') throw toError(failureOf(500, event.data))
    throw new EngineFailedError(`${SERVER} sent an event that is not JSON`, { cause })
  }
  const failure = event.event === 'error' ? failureOf(500, event.data) : failureIn(data)
  if (failure !== undefined) throw toError(failure)
  return data
}
