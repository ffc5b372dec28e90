import { isIPv6 } from 'node:net'
import type { Connection, Listener, PeerId, Startable, Transport, Upgrader } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import type { Candidate } from '../../protocols/index.ts'
import { NoTransportError } from './errors.ts'

/** A transport by which a punched path can be used. */
export type DoorKind = 'tcp' | 'quic'

const TAGS: Record<DoorKind, string> = { tcp: '@libp2p/tcp', quic: 'quic' }

export interface DoorsComponents {
  upgrader: Upgrader
  transportManager: { getTransports(): Transport[] }
}

export interface DialOptions {
  signal: AbortSignal
  /** Port to connect from; for TCP. */
  localPort?: number
  /** Address to connect from; for TCP. */
  localAddress?: string
}

/**
 * Dials by one transport, and listens on loopback where nobody is told of it: what libp2p's own dialling and
 * listening cannot do. Connections made here are libp2p's like all others.
 */
export class Doors implements Startable {
  readonly #components: DoorsComponents
  readonly #listeners = new Map<DoorKind, Promise<Listener>>()

  constructor(components: DoorsComponents) {
    this.#components = components
  }

  start(): void {
    // Listeners are opened when they are needed first.
  }

  async stop(): Promise<void> {
    const listeners = [...this.#listeners.values()]
    this.#listeners.clear()
    for (const listener of await Promise.allSettled(listeners)) {
      if (listener.status === 'fulfilled') await listener.value.close()
    }
  }

  /** Whether the transport is loaded. */
  has(kind: DoorKind): boolean {
    return this.#find(kind) !== undefined
  }

  /** Connects to a peer. A signal that aborts after success may still cut the connection: do not let it. */
  async dial(kind: DoorKind, to: Candidate, peer: PeerId, options: DialOptions): Promise<Connection> {
    const address = addressOf(kind, to).encapsulate(`/p2p/${peer.toString()}`)
    const { upgrader } = this.#components
    return await this.#transport(kind).dial(address, { ...options, upgrader })
  }

  /** Opens the listener on loopback, unless it is open, and resolves to its port. */
  async loopback(kind: DoorKind): Promise<number> {
    const opening = this.#listeners.get(kind) ?? this.#listen(kind)
    this.#listeners.set(kind, opening)
    try {
      const [address] = (await opening).getAddrs()
      return Number(address?.getComponents().find(({ name }) => name === 'tcp' || name === 'udp')?.value)
    } catch (err) {
      this.#listeners.delete(kind)
      throw err
    }
  }

  async #listen(kind: DoorKind): Promise<Listener> {
    const { upgrader } = this.#components
    const listener = this.#transport(kind).createListener({ upgrader })
    await listener.listen(addressOf(kind, { address: '127.0.0.1', port: 0 }))
    return listener
  }

  #transport(kind: DoorKind): Transport {
    const transport = this.#find(kind)
    if (transport === undefined) throw new NoTransportError(`The ${kind} transport is not loaded`)
    return transport
  }

  #find(kind: DoorKind): Transport | undefined {
    const { transportManager } = this.#components
    return transportManager.getTransports().find((transport) => transport[Symbol.toStringTag] === TAGS[kind])
  }
}

/** The service for libp2p's list. */
export function doors(): (components: DoorsComponents) => Doors {
  return (components) => new Doors(components)
}

function addressOf(kind: DoorKind, { address, port }: Candidate): Multiaddr {
  const host = `/${isIPv6(address) ? 'ip6' : 'ip4'}/${address}`
  return multiaddr(kind === 'tcp' ? `${host}/tcp/${port}` : `${host}/udp/${port}/quic-v1`)
}
