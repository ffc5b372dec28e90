import type { Identify } from '@libp2p/identify'
import type { IdentifyResult, Libp2p, Logger, Startable } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'

/** The protocol by which peers reserve a place on a relay. */
const HOP_PROTOCOL = '/libp2p/circuit/relay/0.2.0/hop'

/** Where libp2p looks for a relay by itself. */
const ANY_RELAY = '/p2p-circuit'

/** Relays on which a place is held. */
const WANTED_RELAYS = 2

/** How often a connected relay that gave no place is asked again, in milliseconds. */
const ASK_AGAIN_MS = 10_000

export interface RelayKeeperInit {
  /** The listen addresses; without a relayed one, the keeper does nothing. */
  listen: string[]
  /** How often a connected relay that gave no place is asked again, in milliseconds. @default 10 s */
  askAgainMs?: number
}

export interface RelayKeeperComponents {
  libp2p: Libp2p<{ identify: Identify; listener: { listen: (address: string) => Promise<void> } }>
  log: Logger
}

/**
 * Holds places on two relays as soon as two are known. libp2p looks for as many relays as `/p2p-circuit` is
 * listened on, by a walk through the DHT without end: hence the second only when there is a second relay. And it
 * never returns to a relay that was listened on by name (js-libp2p #3601), nor to one that is connected and had no
 * place.
 */
export class RelayKeeper implements Startable {
  readonly #components: RelayKeeperComponents
  /** Addresses of relays that were named, by the relay's id. */
  readonly #named = new Map<string, string>()
  readonly #any: boolean
  readonly #askAgainMs: number
  readonly #relays = new Set<string>()
  readonly #listening = new Set<Promise<void>>()
  #slots = 1
  #started = false
  #timer: NodeJS.Timeout | undefined

  constructor(init: RelayKeeperInit, components: RelayKeeperComponents) {
    this.#components = components
    this.#any = init.listen.includes(ANY_RELAY)
    this.#askAgainMs = init.askAgainMs ?? ASK_AGAIN_MS
    for (const address of init.listen) {
      const id = relayOf(address)
      if (id !== undefined) this.#named.set(id, address)
    }
  }

  start(): void {
    if (this.#started) return
    this.#started = true
    this.#components.libp2p.addEventListener('peer:identify', this.#onIdentify)
    if (this.#any || this.#named.size > 0) this.#timer = setInterval(this.#askAgain, this.#askAgainMs)
  }

  async stop(): Promise<void> {
    this.#started = false
    clearInterval(this.#timer)
    this.#components.libp2p.removeEventListener('peer:identify', this.#onIdentify)
    await Promise.all(this.#listening)
    this.#slots = 1
    this.#relays.clear()
  }

  /** Relays on which a place is held now. */
  held(): string[] {
    const ids = this.#components.libp2p.getMultiaddrs().map((address) => relayOf(address.toString()))
    return [...new Set(ids.filter((id) => id !== undefined))]
  }

  /** Relays that this node has met: it holds places on two of them at most. */
  get known(): number {
    return this.#relays.size
  }

  /** Whether a peer that this node has met relays. */
  knows(peer: string): boolean {
    return this.#relays.has(peer)
  }

  /** Meets the relays anew that gave no place, which has libp2p ask them again. */
  readonly #askAgain = (): void => {
    const { libp2p, log } = this.#components
    const held = this.held()
    if (held.length >= WANTED_RELAYS) return
    for (const relay of this.#relays) {
      if (held.includes(relay)) continue
      const connection = libp2p
        .getConnections(peerIdFromString(relay))
        .find(({ remoteAddr, status }) => status === 'open' && !remoteAddr.toString().includes(ANY_RELAY))
      if (connection === undefined) continue
      libp2p.services.identify
        .identify(connection)
        .catch((err: unknown) => log('relay %s cannot be asked again for a place - %e', relay, err))
    }
  }

  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    const relayed = detail.connection.remoteAddr.toString().includes(ANY_RELAY)
    if (relayed || !detail.protocols.includes(HOP_PROTOCOL)) return
    const relay = detail.peerId.toString()
    const named = this.#named.get(relay)
    if (named !== undefined && this.#relays.has(relay) && !this.held().includes(relay)) this.#listen(named)
    this.#relays.add(relay)
    if (!this.#any || this.#slots >= Math.min(WANTED_RELAYS, this.#relays.size)) return
    this.#slots++
    this.#listen(ANY_RELAY)
  }

  #listen(address: string): void {
    const { libp2p, log } = this.#components
    const listening = libp2p.services.listener
      .listen(address)
      .catch((err: unknown) => log('no place on a relay - %e', err))
      .finally(() => this.#listening.delete(listening))
    this.#listening.add(listening)
  }
}

/** The relay of a relayed address, where it names one. */
function relayOf(address: string): string | undefined {
  return /\/p2p\/([^/]+)\/p2p-circuit/.exec(address)?.[1]
}
