import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  EventRepository,
  type Event,
  type EventRepositoryUpsertResult,
  type Filter
} from '@nostr-relay/common'
import { NostrRelay } from '@nostr-relay/core'
import { matchFilter, type Filter as ToolsFilter } from 'nostr-tools/filter'
import { WebSocketServer } from 'ws'

/** Events in memory: of an addressable kind, one for each key and `d` tag. */
class Memory extends EventRepository {
  readonly events = new Map<string, Event>()

  isSearchSupported(): boolean {
    return false
  }

  upsert(event: Event): EventRepositoryUpsertResult {
    const key = addressOf(event) ?? event.id
    const known = this.events.get(key)
    if (known !== undefined && known.created_at >= event.created_at) return { isDuplicate: true }
    this.events.set(key, event)
    return { isDuplicate: false }
  }

  find(filter: Filter): Event[] {
    return [...this.events.values()]
      .filter((event) => matchFilter(filter as ToolsFilter, event))
      .slice(0, filter.limit ?? Infinity)
  }

  override deleteByDeletionRequest({ pubkey, tags }: Event): Promise<void> {
    for (const [name, value = ''] of tags)
      if (name === 'a' && value.split(':')[1] === pubkey) this.events.delete(value)
    return Promise.resolve()
  }

  destroy(): Promise<void> {
    this.events.clear()
    return Promise.resolve()
  }
}

/** A Nostr relay on loopback: a real implementation with events in memory. */
export class TestNostrRelay {
  readonly memory = new Memory()
  readonly #relay = new NostrRelay(this.memory)
  #server: WebSocketServer | undefined
  /** Connections so far. */
  connections = 0

  /** The relay's URL. */
  get url(): string {
    return `ws://127.0.0.1:${(this.#server?.address() as AddressInfo).port}`
  }

  async start(port = 0): Promise<this> {
    this.#server = new WebSocketServer({ host: '127.0.0.1', port })
    this.#server.on('connection', (socket) => {
      this.connections++
      this.#relay.handleConnection(socket)
      socket.on('message', (data: Buffer) => {
        void this.#relay.handleMessage(socket, JSON.parse(data.toString()) as never)
      })
      socket.on('close', () => this.#relay.handleDisconnect(socket))
    })
    await once(this.#server, 'listening')
    return this
  }

  async stop(): Promise<void> {
    for (const client of this.#server?.clients ?? []) client.terminate()
    await new Promise((resolve) => this.#server?.close(resolve))
    await this.#relay.destroy()
  }
}

function addressOf({ kind, pubkey, tags }: Event): string | undefined {
  if (kind < 30_000 || kind >= 40_000) return undefined
  return `${kind}:${pubkey}:${tags.find(([name]) => name === 'd')?.[1] ?? ''}`
}
