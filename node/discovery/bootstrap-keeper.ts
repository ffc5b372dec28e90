import { setTimeout as delay } from 'node:timers/promises'
import type { Libp2p, PeerId, Startable } from '@libp2p/interface'
import type { Logger } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'

/** First wait before a bootstrap peer is dialled again, doubled each time, in milliseconds. */
const FIRST_WAIT_MS = 250

/** Longest wait before a bootstrap peer is dialled again, in milliseconds: who is back is found at once, as people see it. */
const LONGEST_WAIT_MS = 2000

/** One dial's deadline, in milliseconds. */
const DIAL_TIMEOUT_MS = 10_000

export interface BootstrapKeeperInit {
  /** Addresses of bootstrap peers, each ended by `/p2p/<peer id>`. */
  peers: Multiaddr[]
}

export interface BootstrapKeeperComponents {
  libp2p: Libp2p
  log: Logger
}

/** Keeps a connection to each bootstrap peer, for as long as the node runs; libp2p itself gives up after 5 tries. */
export class BootstrapKeeper implements Startable {
  readonly #peers = new Map<string, { id: PeerId; addresses: Multiaddr[] }>()
  readonly #components: BootstrapKeeperComponents
  #stopped: AbortController | undefined
  #loops: Promise<void>[] = []

  constructor(init: BootstrapKeeperInit, components: BootstrapKeeperComponents) {
    this.#components = components
    for (const address of init.peers) {
      const text = address.getComponents().findLast((component) => component.name === 'p2p')?.value
      if (text === undefined) continue
      const entry = this.#peers.get(text) ?? { id: peerIdFromString(text), addresses: [] }
      entry.addresses.push(address)
      this.#peers.set(text, entry)
    }
  }

  start(): void {
    if (this.#stopped !== undefined) return
    this.#stopped = new AbortController()
    const { signal } = this.#stopped
    this.#loops = [...this.#peers.values()].map((peer) => this.#keep(peer, signal))
  }

  async stop(): Promise<void> {
    this.#stopped?.abort()
    await Promise.all(this.#loops)
    this.#stopped = undefined
    this.#loops = []
  }

  async #keep(peer: { id: PeerId; addresses: Multiaddr[] }, signal: AbortSignal): Promise<void> {
    const { libp2p, log } = this.#components
    let wait = FIRST_WAIT_MS
    for (;;) {
      try {
        await libp2p.dial(peer.addresses, {
          signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
        })
        wait = FIRST_WAIT_MS
        await this.#disconnected(peer.id, signal)
      } catch (err) {
        if (signal.aborted) return
        const text = 'bootstrap peer %p cannot be reached, next try in %d ms - %e'
        if (wait === FIRST_WAIT_MS) log.error(text, peer.id, wait, err)
        else log(text, peer.id, wait, err)
      }
      // Half of the wait is random: a relay that comes back is not dialled by all at the same moment.
      await delay(wait * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
      wait = Math.min(wait * 2, LONGEST_WAIT_MS)
    }
  }

  async #disconnected(peer: PeerId, signal: AbortSignal): Promise<void> {
    const { libp2p } = this.#components
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const check = (): void => {
      if (libp2p.getConnections(peer).length === 0) resolve(undefined)
    }
    const onAbort = (): void => resolve(undefined)
    libp2p.addEventListener('peer:disconnect', check)
    signal.addEventListener('abort', onAbort, { once: true })
    check()
    try {
      await promise
    } finally {
      libp2p.removeEventListener('peer:disconnect', check)
      signal.removeEventListener('abort', onAbort)
    }
  }
}
