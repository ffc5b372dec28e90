import { pEvent } from 'p-event'
import WebSocket from 'ws'
import type { VerifiedEvent } from 'nostr-tools/pure'
import { EXCHANGE_TIMEOUT_MS, MAX_NOSTR_EXCHANGE_BYTES, MAX_NOSTR_MESSAGE_BYTES } from './constants.ts'
import { RendezvousError } from './errors.ts'

/** Longest words of a relay that are quoted, in characters. */
const MAX_QUOTE_LENGTH = 200

/** Id of the one subscription of a connection. */
const SUBSCRIPTION = 'lobstah'

/**
 * One exchange with a Nostr relay (NIP-01) on a connection of its own. nostr-tools' client lets a relay send messages
 * of any size and number, and leaves rejections unhandled; this one bounds both and has one deadline.
 */
export class NostrRelay {
  readonly url: string

  constructor(url: string) {
    this.url = url
  }

  /** Publishes events; resolves when the relay has taken each. Throws RendezvousError. */
  async publish(events: readonly VerifiedEvent[], signal: AbortSignal): Promise<void> {
    await this.#exchange(signal, async (socket, messages) => {
      for (const event of events) socket.send(JSON.stringify(['EVENT', event]))
      const waiting = new Set(events.map(({ id }) => id))
      for await (const [type, id, taken, reason] of messages) {
        if (type !== 'OK' || typeof id !== 'string' || !waiting.has(id)) continue
        if (taken !== true) throw new RendezvousError(`it refuses the event: ${quoted(reason)}`)
        waiting.delete(id)
        if (waiting.size === 0) return
      }
    })
  }

  /** The stored events that a filter matches, as the relay sends them, at most `limit`. Throws RendezvousError. */
  async query(filter: object, limit: number, signal: AbortSignal): Promise<unknown[]> {
    const found: unknown[] = []
    await this.#exchange(signal, async (socket, messages) => {
      socket.send(JSON.stringify(['REQ', SUBSCRIPTION, filter]))
      for await (const [type, id, event] of messages) {
        if (id !== SUBSCRIPTION) continue
        if (type === 'CLOSED') throw new RendezvousError(`it refuses the search: ${quoted(event)}`)
        if (type === 'EOSE') return
        if (type === 'EVENT' && found.push(event) >= limit) return
      }
    })
    return found
  }

  async #exchange(
    signal: AbortSignal,
    work: (socket: WebSocket, messages: AsyncIterable<unknown[]>) => Promise<void>
  ): Promise<void> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(EXCHANGE_TIMEOUT_MS)])
    const socket = new WebSocket(this.url, {
      maxPayload: MAX_NOSTR_MESSAGE_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
      handshakeTimeout: EXCHANGE_TIMEOUT_MS
    })
    // One that fails while it is being closed tells nobody anything.
    socket.on('error', () => undefined)
    try {
      const messages = messagesOf(socket, deadline)
      await pEvent(socket, 'open', { signal: deadline, rejectionEvents: ['error', 'close'] })
      await work(socket, messages)
    } catch (err) {
      signal.throwIfAborted()
      throw new RendezvousError(`The Nostr relay ${this.url} cannot be used: ${reasonOf(err)}`, {
        cause: err
      })
    } finally {
      socket.terminate()
    }
  }
}

/** The relay's messages; throws when there are too many, or when the relay hangs up before it has answered. */
function messagesOf(socket: WebSocket, signal: AbortSignal): AsyncIterable<unknown[]> {
  const waiting: Buffer[] = []
  let bytes = 0
  let woken = Promise.withResolvers<undefined>()
  let failure: { reason: unknown } | undefined
  const fail = (reason: unknown): void => {
    failure ??= { reason }
    woken.resolve(undefined)
  }
  socket.on('message', (data: Buffer) => {
    bytes += data.byteLength
    if (bytes > MAX_NOSTR_EXCHANGE_BYTES) {
      fail(new RendezvousError(`it sends more than ${MAX_NOSTR_EXCHANGE_BYTES} bytes`))
      socket.terminate()
      return
    }
    waiting.push(data)
    woken.resolve(undefined)
  })
  socket.once('close', () => fail(new RendezvousError('it hangs up before it has answered')))
  socket.once('error', fail)
  signal.addEventListener('abort', () => fail(signal.reason), { once: true })
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const data = waiting.shift()
        if (data !== undefined) {
          const message = parsed(data)
          if (message !== undefined) yield message
        } else if (failure !== undefined) {
          throw failure.reason
        } else {
          woken = Promise.withResolvers()
          await woken.promise
        }
      }
    }
  }
}

function parsed(data: Buffer): unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(data.toString())
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

function reasonOf(err: unknown): string {
  if (err instanceof Error && err.name === 'TimeoutError') return 'it does not answer in time'
  return err instanceof Error ? quoted(err.message) : 'it hangs up at once'
}

/** Remote text without control characters, cut short. */
function quoted(text: unknown): string {
  return JSON.stringify(typeof text === 'string' ? text.slice(0, MAX_QUOTE_LENGTH) : '')
}
