import type { ServerResponse } from 'node:http'
import { SERVER_SENT_EVENTS } from './stream-kind.ts'

export interface SseWriterInit {
  /** Milliseconds of silence after which a comment is sent. */
  keepAliveMs: number
  /** Milliseconds that a client may leave the stream unread. */
  stalledReaderMs: number
  /** The text to send then; by default a comment of server-sent events. */
  ping?: string
}

/**
 * A stream of events, or of lines, on a response whose head is written. It takes each as text, one a write,
 * and keeps the stream alive when there are none.
 */
export class SseWriter {
  readonly #response: ServerResponse
  readonly #ping: NodeJS.Timeout
  readonly #stalledReaderMs: number

  constructor(response: ServerResponse, { keepAliveMs, stalledReaderMs, ping }: SseWriterInit) {
    this.#response = response
    this.#stalledReaderMs = stalledReaderMs
    const text = ping ?? SERVER_SENT_EVENTS.ping
    this.#ping = setInterval(() => {
      if (!response.writableNeedDrain) response.write(text)
    }, keepAliveMs)
    response.once('close', () => clearInterval(this.#ping))
  }

  /** Whether the client reads more slowly than it is written to: wait for {@link SseWriter.drained}. */
  get full(): boolean {
    return this.#response.writableNeedDrain
  }

  /** Sends one event, or comment, ended by its empty line. */
  write(event: string): void {
    this.#response.write(event)
    this.#ping.refresh()
  }

  /** Resolves when the client has caught up, or is gone; one that does not read at all is cut off. */
  async drained(): Promise<void> {
    const response = this.#response
    if (response.closed || !response.writableNeedDrain) return
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const done = (): void => resolve(undefined)
    const stalled = setTimeout(() => response.destroy(), this.#stalledReaderMs)
    response.once('drain', done).once('close', done)
    await promise
    clearTimeout(stalled)
    response.off('drain', done).off('close', done)
  }

  end(): void {
    clearInterval(this.#ping)
    this.#response.end()
  }

  /** Sends a last event and breaks the connection: a clean end would look like success. */
  cut(event: string): void {
    clearInterval(this.#ping)
    const response = this.#response
    // To a client that is gone there is nothing to say, and nothing would clear the timer.
    if (response.closed) return
    const unread = setTimeout(() => response.destroy(), this.#stalledReaderMs)
    response.once('close', () => clearTimeout(unread))
    response.write(event, () => response.destroy())
  }
}
