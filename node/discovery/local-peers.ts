import type { Libp2p, Logger, PeerDiscovery, PeerInfo, Startable } from '@libp2p/interface'
import type { DialPolicy } from '../addresses/index.ts'
import type { Dials } from '../patches/index.ts'

/** Peers of the local network that are connected to. */
const MAX_LOCAL_PEERS = 128

/** One dial's deadline, in milliseconds. */
const DIAL_TIMEOUT_MS = 5000

export interface LocalPeersComponents {
  libp2p: Libp2p<{ dials: Dials; policy: DialPolicy }>
  /** The search of the local network. */
  search: PeerDiscovery
  log: Logger
}

/** Connects to the peers that are found on the local network, which libp2p itself does not. */
export class LocalPeers implements Startable {
  readonly #components: LocalPeersComponents
  readonly #dials = new Map<string, Promise<void>>()
  #stopped: AbortController | undefined

  constructor(components: LocalPeersComponents) {
    this.#components = components
  }

  start(): void {
    this.#stopped ??= new AbortController()
    this.#components.search.addEventListener('peer', this.#onPeer)
  }

  async stop(): Promise<void> {
    this.#components.search.removeEventListener('peer', this.#onPeer)
    this.#stopped?.abort()
    await Promise.all(this.#dials.values())
    this.#stopped = undefined
  }

  /** Each peer is heard again every few seconds, so that one that was lost is dialled again. */
  readonly #onPeer = ({ detail: { id, multiaddrs } }: CustomEvent<PeerInfo>): void => {
    const { libp2p, log } = this.#components
    const stopped = this.#stopped?.signal
    const peer = id.toString()
    if (stopped === undefined || this.#dials.has(peer) || libp2p.getConnections(id).length > 0) return
    if (id.equals(libp2p.peerId) || this.#dials.size >= MAX_LOCAL_PEERS || multiaddrs.length === 0) return
    const { dials, policy } = libp2p.services
    policy.meet(peer, multiaddrs)
    const dial = dials
      .dialTold(multiaddrs, { signal: AbortSignal.any([stopped, AbortSignal.timeout(DIAL_TIMEOUT_MS)]) })
      .then(
        () => undefined,
        (err: unknown) => log('%p on the local network cannot be reached - %e', id, err)
      )
      .finally(() => this.#dials.delete(peer))
    this.#dials.set(peer, dial)
  }
}
