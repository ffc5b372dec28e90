import { setTimeout as delay } from 'node:timers/promises'
import type { Libp2p, Logger, Startable } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import QuickLRU from 'quick-lru'
import type { Presence } from '../../protocols/presence/index.ts'
import type { Dials } from '../patches/index.ts'
import type { Board } from './board.ts'
import {
  DIALS_AT_ONCE,
  DIAL_TIMEOUT_MS,
  FIRST_AVOID_MS,
  FIRST_WAIT_MS,
  LONELY_INTERVAL_MS,
  LONGEST_AVOID_MS,
  LONGEST_WAIT_MS,
  LOOK_INTERVAL_MS,
  MAX_AVOIDED,
  MAX_DIALS,
  WANTED_RELAYS
} from './constants.ts'
import { addressesOf } from './contact.ts'

export interface FinderInit {
  boards: readonly Board[]
  /** Whether a peer is worth meeting: it may be asked, or is served. Relays always are. */
  wants: (peer: string) => boolean
}

export interface FinderComponents {
  libp2p: Libp2p<{ dials: Dials }>
  log: Logger
  now: () => number
}

/**
 * Looks for peers and dials those that are found, by the rules for addresses that strangers tell. All that it takes
 * from a presence is where to dial: what a peer serves, it says itself once it is met.
 */
export class Finder implements Startable {
  readonly #init: FinderInit
  readonly #components: FinderComponents
  /** Relays that were found here. */
  readonly #relays = new Set<string>()
  /** Peers that could not be reached, and until when they are left alone. */
  readonly #avoided = new QuickLRU<string, { failures: number; until: number }>({ maxSize: MAX_AVOIDED })
  readonly #dialling = new Set<string>()
  #stopped: AbortController | undefined
  #loops: Promise<void>[] = []
  #alone = Promise.withResolvers<undefined>()

  constructor(init: FinderInit, components: FinderComponents) {
    this.#init = init
    this.#components = components
  }

  start(): void {
    if (this.#stopped !== undefined) return
    this.#stopped = new AbortController()
    const { signal } = this.#stopped
    this.#components.libp2p.addEventListener('peer:disconnect', this.#onDisconnect)
    this.#loops = this.#init.boards.map((board) => this.#keep(board, signal))
  }

  async stop(): Promise<void> {
    this.#components.libp2p.removeEventListener('peer:disconnect', this.#onDisconnect)
    this.#stopped?.abort()
    await Promise.all(this.#loops)
    this.#loops = []
    this.#stopped = undefined
    this.#relays.clear()
    this.#avoided.clear()
  }

  async #keep(board: Board, signal: AbortSignal): Promise<void> {
    let rounds = 0
    let failures = 0
    const stopped = (): boolean => signal.aborted
    while (!stopped()) {
      let longest = LONELY_INTERVAL_MS
      try {
        const found = await board.find({ signal })
        failures = 0
        await this.#meet(found, signal)
      } catch (err) {
        if (stopped()) return
        longest = LONGEST_WAIT_MS
        const { log } = this.#components
        if (failures++ === 0) log.error('no peers found - %e', err)
        else log('no peers found - %e', err)
      }
      rounds = this.#isAlone || failures > 0 ? rounds + 1 : 0
      const wait = rounds === 0 ? LOOK_INTERVAL_MS : Math.min(FIRST_WAIT_MS * 2 ** (rounds - 1), longest)
      if (await this.#pause(wait * (0.75 + Math.random() / 2), signal)) rounds = 0
    }
  }

  /** Waits; not to the end when the last connection is lost, to which it says true. */
  async #pause(ms: number, signal: AbortSignal): Promise<boolean> {
    const woken = new AbortController()
    const lost = this.#alone.promise.then(() => woken.abort())
    await Promise.race([
      delay(ms, undefined, { signal: AbortSignal.any([signal, woken.signal]) }).catch(() => undefined),
      lost
    ])
    return woken.signal.aborted
  }

  readonly #onDisconnect = (): void => {
    if (!this.#isAlone) return
    this.#alone.resolve(undefined)
    this.#alone = Promise.withResolvers()
  }

  get #isAlone(): boolean {
    return this.#components.libp2p.getConnections().length === 0
  }

  /** Dials some of the peers that were found, a few at the same time. */
  async #meet(found: Presence[], signal: AbortSignal): Promise<void> {
    const wanted = found
      .filter((presence) => this.#isWanted(presence))
      .toSorted(() => Math.random() - 0.5)
      .slice(0, MAX_DIALS)
    const workers = Array.from({ length: DIALS_AT_ONCE }, async () => {
      for (let next = wanted.pop(); next !== undefined && !signal.aborted; next = wanted.pop())
        if (this.#isWanted(next)) await this.#dial(next, signal)
    })
    await Promise.all(workers)
  }

  #isWanted({ peer, relay }: Presence): boolean {
    const { libp2p, now } = this.#components
    if (peer === libp2p.peerId.toString() || this.#dialling.has(peer) || this.#isConnected(peer)) return false
    if ((this.#avoided.get(peer)?.until ?? 0) > now()) return false
    return this.#init.wants(peer) || (relay && this.#connectedRelays() < WANTED_RELAYS)
  }

  #isConnected(peer: string): boolean {
    return this.#components.libp2p.getConnections(peerIdFromString(peer)).length > 0
  }

  #connectedRelays(): number {
    for (const relay of this.#relays) if (!this.#isConnected(relay)) this.#relays.delete(relay)
    return this.#relays.size
  }

  async #dial(presence: Presence, signal: AbortSignal): Promise<void> {
    const { libp2p, log, now } = this.#components
    const { peer, relay } = presence
    const addresses = addressesOf(presence, peer)
    this.#dialling.add(peer)
    try {
      if (addresses.length === 0) return
      await libp2p.services.dials.dialTold(addresses, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
      })
      this.#avoided.delete(peer)
      if (relay) this.#relays.add(peer)
    } catch (err) {
      if (signal.aborted) return
      const failures = (this.#avoided.get(peer)?.failures ?? 0) + 1
      const until = now() + Math.min(FIRST_AVOID_MS * 2 ** (failures - 1), LONGEST_AVOID_MS)
      this.#avoided.set(peer, { failures, until })
      log('%s was announced, but cannot be reached - %e', peer, err)
    } finally {
      this.#dialling.delete(peer)
    }
  }
}
