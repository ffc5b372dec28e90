import type { Connection, Libp2p, Logger, Peer, PeerId, PeerUpdate, Startable } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { PUNCH_PROTOCOL } from '../../protocols/index.ts'
import { addressKind, isRelayedAddress, networkFingerprint, type DialPolicy } from '../addresses/index.ts'
import type { Dials } from '../patches/index.ts'
import { DIRECT_TIMEOUT_MS, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, MAX_INITIATED } from './constants.ts'
import type { Doors } from './doors.ts'
import { isRelayed, type Path } from './path.ts'
import { Puncher } from './puncher.ts'
import { StunDirectory } from './stun/directory.ts'

export interface ReachInit {
  /** With whom direct connections are made. @default everybody */
  allows?: (peer: string) => boolean
}

export interface ReachComponents {
  libp2p: Libp2p<{ dials: Dials; policy: DialPolicy }>
  doors: Doors
  log: Logger
  /** Milliseconds since 1970. */
  now: () => number
}

/** How attempts with one peer went. */
interface Memory {
  failures: number
  /** When it may be tried again. */
  after: number
}

/**
 * Gets peers that were reached through a relay onto a direct connection, in the background: new streams then
 * take that. A relayed connection is never closed here, so that no stream on it is cut.
 */
export class Reach implements Startable {
  readonly #components: ReachComponents
  readonly #allows: (peer: string) => boolean
  readonly #stun: StunDirectory
  readonly #puncher: Puncher
  readonly #memory = new Map<string, Memory>()
  readonly #attempts = new Map<string, Promise<void>>()
  readonly #dials = new Map<string, Promise<void>>()
  #network = ''
  #stopped: AbortController | undefined
  #topology: string | undefined

  constructor(init: ReachInit, components: ReachComponents) {
    this.#components = components
    this.#allows = init.allows ?? (() => true)
    this.#stun = new StunDirectory(components, () => this.#onRelay())
    this.#puncher = new Puncher({ allows: this.#allows }, { ...components, stun: this.#stun })
  }

  async start(): Promise<void> {
    if (this.#stopped !== undefined) return
    this.#stopped = new AbortController()
    const { libp2p } = this.#components
    await this.#stun.start()
    await this.#puncher.start()
    this.#topology = await libp2p.register(PUNCH_PROTOCOL, {
      notifyOnLimitedConnection: true,
      onConnect: (peer) => this.#consider(peer)
    })
    libp2p.addEventListener('connection:close', this.#onClose)
    libp2p.addEventListener('peer:update', this.#onUpdate)
  }

  async stop(): Promise<void> {
    if (this.#stopped === undefined) return
    const { libp2p } = this.#components
    libp2p.removeEventListener('connection:close', this.#onClose)
    libp2p.removeEventListener('peer:update', this.#onUpdate)
    if (this.#topology !== undefined) libp2p.unregister(this.#topology)
    this.#topology = undefined
    this.#stopped.abort()
    await Promise.all([...this.#attempts.values(), ...this.#dials.values()])
    await this.#puncher.stop()
    await this.#stun.stop()
    this.#stopped = undefined
  }

  /** How a connection really goes. */
  pathOf(connection: Connection): Path {
    return this.#puncher.paths.pathOf(connection)
  }

  /** A relay that was connected to: STUN can be asked from now on, and the network may be another one. */
  #onRelay(): void {
    this.#memory.clear()
    this.#considerAll()
  }

  readonly #onClose = ({ detail }: CustomEvent<Connection>): void => {
    const { remotePeer } = detail
    // A peer that comes back may come from another network.
    if (this.#components.libp2p.getConnections(remotePeer).length === 0)
      this.#memory.delete(remotePeer.toString())
    if (!isRelayed(detail)) this.#consider(remotePeer)
  }

  /** A peer that is relayed, and has an address now that may be dialled, is dialled there. */
  readonly #onUpdate = ({ detail: { peer, previous } }: CustomEvent<PeerUpdate>): void => {
    const before = this.#dialable(previous).map(String)
    const fresh = this.#dialable(peer).filter((address) => !before.includes(address.toString()))
    const key = peer.id.toString()
    const signal = this.#stopped?.signal
    if (fresh.length === 0 || signal === undefined || signal.aborted || this.#dials.has(key)) return
    if (this.#relayed(peer.id) === undefined) return
    const dialling = this.#dial(peer.id, fresh, signal).finally(() => this.#dials.delete(key))
    this.#dials.set(key, dialling)
  }

  /** A peer's own addresses that may be dialled, by IP: public ones, and a friend's private ones where it signed for them. */
  #dialable(peer: Peer | undefined): Multiaddr[] {
    const { policy } = this.#components.libp2p.services
    return (peer?.addresses ?? [])
      .filter(({ multiaddr, isCertified }) => {
        const [host] = multiaddr.getComponents()
        const ip = host?.value ?? ''
        const elsewhere = addressKind(ip) === 'public' || addressKind(ip) === 'private'
        return (
          elsewhere && !isRelayedAddress(multiaddr) && policy.permits(ip, peer?.id.toString(), isCertified)
        )
      })
      .map(({ multiaddr }) => multiaddr)
  }

  async #dial(peer: PeerId, addresses: Multiaddr[], signal: AbortSignal): Promise<void> {
    const { libp2p, log } = this.#components
    try {
      await libp2p.services.dials.dialTold(
        addresses.map((address) => address.encapsulate(`/p2p/${peer.toString()}`)),
        { signal: AbortSignal.any([signal, AbortSignal.timeout(DIRECT_TIMEOUT_MS)]) }
      )
      log('%p is reached directly', peer)
    } catch (err) {
      log('%p cannot be reached at %a - %e', peer, addresses[0], err)
    }
  }

  #considerAll(): void {
    for (const peer of this.#components.libp2p.getPeers()) this.#consider(peer)
  }

  /** Begins an attempt where one may help: this node dialled the peer through a relay, and there is no other way. */
  #consider(id: PeerId): void {
    const { now } = this.#components
    const peer = id.toString()
    const signal = this.#stopped?.signal
    if (signal === undefined || signal.aborted || this.#attempts.has(peer)) return
    if (this.#attempts.size >= MAX_INITIATED || this.#stun.servers().udp.length === 0) return
    const network = networkFingerprint()
    if (network !== this.#network) this.#memory.clear()
    this.#network = network
    if ((this.#memory.get(peer)?.after ?? 0) > now()) return
    const relayed = this.#relayed(id)
    if (relayed === undefined) return
    const attempt = this.#attempt(relayed, signal).finally(() => {
      this.#attempts.delete(peer)
      // Others may have waited for their turn.
      this.#considerAll()
    })
    this.#attempts.set(peer, attempt)
  }

  /** The relayed connection to a peer that this node dialled, where there is no better one and one is allowed. */
  #relayed(id: PeerId): Connection | undefined {
    if (!this.#allows(id.toString())) return undefined
    const open = this.#components.libp2p.getConnections(id).filter(({ status }) => status === 'open')
    if (open.some((connection) => !isRelayed(connection))) return undefined
    return open.findLast(({ direction }) => direction === 'outbound')
  }

  async #attempt(relayed: Connection, signal: AbortSignal): Promise<void> {
    const { log, now } = this.#components
    const peer = relayed.remotePeer.toString()
    const began = performance.now()
    const took = (): number => Math.round(performance.now() - began)
    try {
      const connection = await this.#puncher.initiate(relayed, { signal })
      this.#memory.delete(peer)
      log('%s is reached by %a after %d ms', peer, connection.remoteAddr, took())
    } catch (err) {
      // A connection that broke says nothing about the way between the two.
      if (signal.aborted || relayed.status !== 'open') return
      const failures = (this.#memory.get(peer)?.failures ?? 0) + 1
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1))
      this.#memory.set(peer, { failures, after: now() + pause })
      log('%s stays relayed after %d ms, next try in %d s - %e', peer, took(), pause / 1000, err)
    }
  }
}
