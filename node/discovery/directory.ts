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
import { INFO_PROTOCOL, canonicalModelName, subscribeInfo, type Announcement } from '../../protocols/index.ts'
import type { ProviderRecords } from './provider-records.ts'
import { bestConnection, onBetterConnection } from './route.ts'
import { onServerFound } from '../patches/index.ts'

/** How often the DHT is asked for contributors, in milliseconds; each wait is up to a quarter longer. */
const SEARCH_INTERVAL_MS = 20_000

/** The same while nobody is known. */
const EAGER_SEARCH_INTERVAL_MS = 1000

/** Longest wait for a contributor that was found to be reached, in milliseconds. */
const DIAL_TIMEOUT_MS = 8000

/** Longest look-up, dials included, in milliseconds. */
const FIND_TIMEOUT_MS = 15_000

/** Contributors that are kept in touch with; more are known to the DHT only. */
const MAX_CONTRIBUTORS = 256

/** First wait before a lost contributor is dialled again, doubled each time, in milliseconds. */
const REDIAL_MS = 500

/** How often a lost contributor is dialled again before only the DHT brings it back. */
const MAX_REDIALS = 6

/** The same for one that never was there: it may be made up, and takes the place of another. */
const MAX_UNMET_REDIALS = 1

/** A contributor this node is in touch with. */
export interface Contributor {
  peer: string
  id: PeerId
  announcement: Announcement
}

export interface DirectoryInit {
  /** Whether this node joins a mesh: it has somebody to bootstrap from. */
  joins: boolean
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
 * The contributors that can be asked now: found by the DHT or met otherwise, each with an open subscription
 * to its announcements. Who cannot be reached is not in it.
 */
export class Directory extends TypedEventEmitter<DirectoryEvents> implements Startable {
  readonly #init: DirectoryInit
  readonly #components: DirectoryComponents
  #met = false
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

  /** Those who can be asked now. */
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
    if (this.#tending.size >= MAX_CONTRIBUTORS || signal.aborted) return Promise.resolve()
    const settled = Promise.withResolvers<undefined>()
    this.#settling.set(peer, settled.promise)
    const settle = (): void => {
      this.#settling.delete(peer)
      settled.resolve(undefined)
    }
    const tending = this.#follow(id, signal, settle).finally(() => {
      settle()
      this.#tending.delete(peer)
      this.#forget(peer)
    })
    this.#tending.set(peer, tending)
    return settled.promise
  }

  /** Subscribes again and again until the peer says goodbye, or cannot be reached for a while. */
  async #follow(id: PeerId, signal: AbortSignal, settle: () => void): Promise<void> {
    const { libp2p, log, now } = this.#components
    let redials = MAX_UNMET_REDIALS
    for (let failures = 0; failures <= redials; failures++) {
      const better = new AbortController()
      try {
        const connection = await this.#connect(id, signal)
        const unwatch = onBetterConnection(libp2p, connection, () => better.abort())
        try {
          const either = AbortSignal.any([signal, better.signal])
          for await (const announcement of subscribeInfo(connection, { signal: either, now })) {
            failures = 0
            redials = MAX_REDIALS
            if (announcement.leaving === true) return
            this.#met ||= announcement.models.length > 0
            this.#live.set(id.toString(), { peer: id.toString(), id, announcement })
            this.safeDispatchEvent('change')
            settle()
          }
        } finally {
          unwatch()
        }
      } catch (err) {
        if (signal.aborted) return
        // It is as alive as before: the subscription only moves, before the worse connection may die.
        if (better.signal.aborted) continue
        log('lost contributor %p - %e', id, err)
      }
      this.#forget(id.toString())
      settle()
      // Another connection may be open: one over the other relay, say.
      if (failures === 0 && this.connection(id) !== undefined) continue
      await delay(REDIAL_MS * 2 ** failures, undefined, { signal }).catch(() => undefined)
    }
  }

  async #connect(id: PeerId, signal: AbortSignal): Promise<Connection> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
    return this.connection(id) ?? (await this.#components.libp2p.dial(id, { signal: deadline }))
  }

  #forget(peer: string): void {
    if (this.#live.delete(peer)) this.safeDispatchEvent('change')
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
