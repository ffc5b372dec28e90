import { setImmediate } from 'node:timers/promises'
import {
  presenceEvent,
  presenceFilter,
  readPresenceEvent,
  withdrawalEvent
} from '../../protocols/nostr/index.ts'
import { PRESENCE, meshTag, type Contact, type Presence } from '../../protocols/presence/index.ts'
import { seal } from '../../protocols/records/index.ts'
import { Clock, type Board, type Self } from './board.ts'
import { MAX_FOUND, NOSTR_TTL_MS } from './constants.ts'
import type { NostrKey } from './nostr-key.ts'
import { NostrRelay } from './nostr-relay.ts'

export interface NostrBoardInit {
  /** The relay, such as wss://relay.example. */
  url: string
  /** The key that signs the events; made when the first is published. */
  key: () => Promise<NostrKey>
}

/** A Nostr relay by its URL: see `protocols/nostr/README.md`. */
export class NostrBoard implements Board {
  readonly name: string
  readonly #key: () => Promise<NostrKey>
  readonly #relay: NostrRelay
  readonly #self: Self
  readonly #clock: Clock
  /** The tag of the mesh that was published for. */
  #published: string | undefined

  constructor({ url, key }: NostrBoardInit, self: Self) {
    this.name = url
    this.#key = key
    this.#relay = new NostrRelay(url)
    this.#self = self
    // Relays order events by seconds: of two in one second the earlier might win.
    this.#clock = new Clock(() => Math.floor(self.now() / 1000))
  }

  async publish(contact: Contact, { signal }: { signal: AbortSignal }): Promise<number> {
    const { peer, privateKey, meshKeys } = this.#self
    const { secretKey, pubkey } = await this.#key()
    const [meshKey] = meshKeys()
    const mesh = meshTag(meshKey)
    const issuedAt = this.#clock.next() * 1000
    const presence = { peer, mesh, ...contact, nostr: pubkey, issuedAt, expiresAt: issuedAt + NOSTR_TTL_MS }
    const record = await seal(PRESENCE, presence, privateKey)
    const event = presenceEvent(record, presence, secretKey, meshKey)
    this.#published = mesh
    await this.#relay.publish([event], signal)
    return NOSTR_TTL_MS
  }

  async withdraw({ signal }: { signal: AbortSignal }): Promise<void> {
    if (this.#published === undefined) return
    const { secretKey, pubkey } = await this.#key()
    const event = withdrawalEvent(this.#published, pubkey, secretKey, this.#clock.next() * 1000)
    await this.#relay.publish([event], signal)
  }

  async find({ signal }: { signal: AbortSignal }): Promise<Presence[]> {
    const keys = this.#self.meshKeys()
    const events = await this.#relay.query(presenceFilter(keys, MAX_FOUND), MAX_FOUND, signal)
    const latest = new Map<string, Presence>()
    for (const event of events) {
      const presence = await readPresenceEvent(event, keys, this.#self.now())
      // Some relays keep older versions of an event too.
      if (presence !== undefined && presence.issuedAt > (latest.get(presence.peer)?.issuedAt ?? 0))
        latest.set(presence.peer, presence)
      // A hundred signatures take most of a second.
      await setImmediate()
    }
    return [...latest.values()]
  }
}
