import type { ServerResponse } from 'node:http'
import { BusyError } from '../../protocols/errors.ts'
import { EVENT_INTERVAL_MS, EVENT_PING_MS, MAX_SUBSCRIBERS } from './constants.ts'

export interface SubscribersInit {
  /** The state, to be sent as JSON. */
  read: () => Promise<unknown>
  onError: (err: unknown) => void
  /** Milliseconds that a page may leave its stream unread before it is cut off. */
  stalledReaderMs: number
  /** @default 1 s */
  intervalMs?: number
}

/**
 * The pages that follow a node. Its state is read once an interval for all of them, and only while there are any; a
 * page that reads slowly misses states in between instead of having them kept for it.
 */
export class Subscribers {
  readonly #init: SubscribersInit
  /** Each with what it was sent last, and when. */
  readonly #open = new Map<ServerResponse, { sent: string; at: number }>()
  #timer: NodeJS.Timeout | undefined
  #reading = false

  constructor(init: SubscribersInit) {
    this.#init = init
  }

  get size(): number {
    return this.#open.size
  }

  /** Throws BusyError where there are too many; to be called before a head is written. */
  checkRoom(): void {
    if (this.#open.size < MAX_SUBSCRIBERS) return
    throw new BusyError(
      `${MAX_SUBSCRIBERS} pages follow this node already: close one, and load the page again`
    )
  }

  /** Sends the state now, and each time that it has changed, until the connection closes. */
  add(response: ServerResponse): void {
    this.#open.set(response, { sent: '', at: 0 })
    response.once('close', () => {
      this.#open.delete(response)
      if (this.#open.size === 0) this.#rest()
    })
    this.#timer ??= setInterval(() => void this.#tell(), this.#init.intervalMs ?? EVENT_INTERVAL_MS)
    void this.#tell()
  }

  /** Ends all streams: the node stops. */
  close(): void {
    for (const response of this.#open.keys()) response.destroy()
    this.#open.clear()
    this.#rest()
  }

  #rest(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #tell(): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    try {
      const state = JSON.stringify(await this.#init.read())
      const now = performance.now()
      for (const [response, last] of this.#open) {
        if (response.writableNeedDrain) {
          if (now - last.at > this.#init.stalledReaderMs) response.destroy()
          continue
        }
        if (last.sent !== state) response.write(`event: state\ndata: ${state}\n\n`)
        else if (now - last.at > EVENT_PING_MS) response.write(': ping\n\n')
        else continue
        this.#open.set(response, { sent: state, at: now })
      }
    } catch (err) {
      this.#init.onError(err)
    } finally {
      this.#reading = false
    }
  }
}
