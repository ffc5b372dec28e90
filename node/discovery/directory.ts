import { setTimeout as delay } from 'node:timers/promises'
import { TimeoutError, pEvent } from 'p-event'
import {
  TypedEventEmitter,
  type Connection,
  type Libp2p,
  type Logger,
  type PeerId,
  type Startable
} from '@libp2p/interface'
import type { SingleKadDHT } from '@libp2p/kad-dht'
import { INFO_PROTOCOL, canonicalModelName, type Announcement } from '../../protocols/index.ts'
import type { ProviderRecords } from './provider-records.ts'
import { follow } from './follow.ts'
import { Places, type Rank } from './places.ts'
import { bestConnection } from './route.ts'
import { onServerFound } from '../patches/index.ts'

/** How often the DHT is asked for contributors, in milliseconds; each wait is up to a quarter longer. */
const SEARCH_INTERVAL_MS = 20_000

/** The same while nobody is known. */
const EAGER_SEARCH_INTERVAL_MS = 1000

/** Longest look-up, dials included, in milliseconds. */
const FIND_TIMEOUT_MS = 15_000

/** Contributors that are being met: they have no place yet, and may be made up. */
const MAX_MEETING = 64

/** A contributor this node is in touch with. */
export interface Contributor {
  peer: string
  id: PeerId
  announcement: Announcement
}

export interface DirectoryInit {
  /** Whether this node joins a mesh: it has somebody to bootstrap from. */
  joins: boolean
  /** Whether a contributor may be asked at all: others take no place. @default all */
  allows?: (peer: string) => boolean
  /** How much a contributor is wanted, where places are scarce. @default all the same */
  rank?: (peer: string) => Rank
}

export interface DirectoryEvents {
  /** Somebody came, went, or said something new. */
  change: CustomEvent
}

export interface DirectoryComponents {
  libp2p: Libp2p<{ dht: SingleKadDHT }>
  providerRecords: ProviderRecords
  log: Logger
  now: () => number
}

/**
 * The contributors that can be asked now: found by the DHT or met otherwise, each with an open subscription to its
 * announcements. Unreachable ones are omitted, and so are those that may not be asked.
 */
export class Directory extends TypedEventEmitter<DirectoryEvents> implements Startable {
  readonly #init: DirectoryInit
  readonly #components: DirectoryComponents
  #met = false
  readonly #places: Places
  readonly #rank: (peer: string) => Rank
  readonly #live = new Map<string, Contributor>()
  /** Peers being dialled or subscribed to, so that each is only once. */
  readonly #tending = new Map<string, Promise<void>>()
  /** Resolves when a tended peer has announced itself, or could not be reached. */
  readonly #settling = new Map<string, Promise<void>>()
  #stopped: AbortController | undefined
  #loop: Promise<void> = Promise.resolve()
  #topology: string | undefined

  constructor(init: DirectoryInit, components: DirectoryComponents) {
    super()
    this.#init = init
    this.#components = components
    this.#rank = init.rank ?? (() => 1)
    this.#places = new Places({ rank: this.#rank })
  }

  async start(): Promise<void> {
    if (this.#stopped !== undefined) return
    this.#stopped = new AbortController()
    const { signal } = this.#stopped
    this.#topology = await this.#components.libp2p.register(INFO_PROTOCOL, {
      notifyOnLimitedConnection: true,
      onConnect: (peer) => void this.#tend(peer, signal)
    })
    this.#loop = this.#search(signal)
  }

  async stop(): Promise<void> {
    if (this.#topology !== undefined) this.#components.libp2p.unregister(this.#topology)
    this.#topology = undefined
    this.#stopped?.abort()
    await Promise.all([this.#loop, ...this.#tending.values()])
    this.#stopped = undefined
  }

  /** The contributors that can be asked now. */
  contributors(): Contributor[] {
    return [...this.#live.values()].filter(({ announcement }) => announcement.models.length > 0)
  }

  /** Whether the mesh is being joined and nobody has been met yet. */
  get joining(): boolean {
    return this.#init.joins && !this.#met
  }

  /** How many peers are being reached that have not announced themselves yet. */
  get meeting(): number {
    return this.#settling.size
  }

  /** Resolves at the next change, or after `timeoutMs`. */
  async changed(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    await pEvent(this, 'change', { timeout: timeoutMs, signal }).catch((err: unknown) => {
      signal?.throwIfAborted()
      if (!(err instanceof TimeoutError)) throw err
    })
  }

  /** The connection on which a contributor is best asked. */
  connection(peer: PeerId): Connection | undefined {
    return bestConnection(this.#components.libp2p, peer)
  }

  /** Asks the DHT who serves a model, and waits until those found have announced themselves or cannot be reached. */
  async find(model: string | undefined, options: { signal?: AbortSignal } = {}): Promise<void> {
    const stopped = this.#stopped?.signal
    if (stopped === undefined) return
    const deadline = AbortSignal.timeout(FIND_TIMEOUT_MS)
    const signal = AbortSignal.any([
      stopped,
      deadline,
      ...(options.signal === undefined ? [] : [options.signal])
    ])
    const settling: Promise<void>[] = [...this.#settling.values()]
    for await (const peer of this.#components.providerRecords.find(model, signal)) {
      settling.push(this.#tend(peer, stopped))
    }
    await Promise.race([Promise.all(settling), aborted(signal)])
  }

  /** Whether somebody who can be asked serves a model. */
  serves(model: string): boolean {
    const wanted = canonicalModelName(model)
    return this.contributors().some(({ announcement }) =>
      announcement.models.some(({ id }) => canonicalModelName(id) === wanted)
    )
  }

  async #search(signal: AbortSignal): Promise<void> {
    do {
      try {
        await this.find(undefined, { signal })
      } catch (err) {
        if (!signal.aborted) this.#components.log('search failed - %e', err)
      }
      await this.#pause(signal)
    } while (!signal.aborted)
  }

  /** Waits for the next search: not at all when the first DHT server was found. */
  async #pause(signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    const eager = this.#live.size === 0
    const interval = eager ? EAGER_SEARCH_INTERVAL_MS : SEARCH_INTERVAL_MS
    const unwatch = onServerFound(this.#components.libp2p.services.dht, () => {
      if (eager) woken.abort()
    })
    const either = AbortSignal.any([signal, woken.signal])
    await delay(interval * (1 + Math.random() / 4), undefined, { signal: either }).catch(() => undefined)
    unwatch()
  }

  /** Keeps in touch with a peer; the promise resolves when its first announcement came, or will not. */
  #tend(id: PeerId, signal: AbortSignal): Promise<void> {
    const peer = id.toString()
    const settling = this.#settling.get(peer)
    if (settling !== undefined || this.#tending.has(peer)) return settling ?? Promise.resolve()
    if (signal.aborted || !this.#isWelcome(peer)) return Promise.resolve()
    const settled = Promise.withResolvers<undefined>()
    this.#settling.set(peer, settled.promise)
    const settle = (): void => {
      this.#settling.delete(peer)
      settled.resolve(undefined)
    }
    const lost = new AbortController()
    const onAnnouncement = (announcement: Announcement): void => {
      if (!this.#places.take(peer, () => lost.abort())) return lost.abort()
      this.#met ||= announcement.models.length > 0
      this.#live.set(peer, { peer, id, announcement })
      this.safeDispatchEvent('change')
      settle()
    }
    const onLost = (): void => {
      this.#forget(peer)
      settle()
    }
    const either = AbortSignal.any([signal, lost.signal])
    const tending = follow(id, { onAnnouncement, onLost }, this.#components, either).finally(() => {
      this.#tending.delete(peer)
      this.#places.release(peer)
      onLost()
    })
    this.#tending.set(peer, tending)
    return settled.promise
  }

  /** Whether a contributor is met: it may be asked, or is owed, and there are not too many that nobody knows. */
  #isWelcome(peer: string): boolean {
    const { allows = () => true } = this.#init
    const wanted = this.#rank(peer) === 3
    return wanted || (allows(peer) && this.#settling.size < MAX_MEETING)
  }

  #forget(peer: string): void {
    if (this.#live.delete(peer)) this.safeDispatchEvent('change')
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
