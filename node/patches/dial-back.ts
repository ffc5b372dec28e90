import { autoNATv2, type AutoNATv2Components } from '@libp2p/autonat-v2'
import {
  serviceCapabilities,
  serviceDependencies,
  type AbortOptions,
  type Connection,
  type Startable,
  type Topology
} from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { requireMembers } from './members.ts'

/** How often is looked for addresses that no peer has been asked about, in milliseconds. */
const DIAL_BACK_CHECK_MS = 2000

/** Prefix of the mesh's own protocol ids. */
const OURS = '/lobstah/'

/** An address of this node, and whether a peer's dial to it has succeeded. */
interface KnownAddress {
  multiaddr: Multiaddr
  verified: boolean
  type: string
}

/** The components of AutoNAT that are used here; libp2p's own types omit most of them. */
export interface DialBackComponents {
  registrar: {
    register(protocol: string, topology: Topology): Promise<string>
  }
  addressManager: { getAddressesWithMetadata(): KnownAddress[] }
  connectionManager: {
    getConnections(): Connection[]
    openConnection(to: Multiaddr, options: AbortOptions): Promise<Connection>
  }
  peerStore: AutoNATv2Components['peerStore']
}

/**
 * AutoNAT v2, which believes an address when a peer's dial to it has succeeded, with four mends:
 *
 * - Nothing is asked over a relayed connection, and no relayed address is asked about: the relay has vouched for it.
 * - Version 2 asks only whom it has just connected to. An address that comes later, as a router's forwarded port
 *   does, is asked about at once too.
 * - It closes the connection of a dial back when that is done. One that other streams have taken stays.
 */
export class DialBack implements Startable {
  readonly [Symbol.toStringTag] = '@libp2p/autonat-v2'
  readonly [serviceCapabilities] = ['@libp2p/autonat']
  readonly [serviceDependencies] = ['@libp2p/identify']
  readonly #components: DialBackComponents
  readonly #autonat: Startable
  readonly #checkMs: number
  readonly #asked = new Set<string>()
  #asking: { protocol: string; topology: Topology } | undefined
  #timer: NodeJS.Timeout | undefined

  /** Looks every `checkMs` milliseconds for addresses that no peer was asked about. */
  constructor(components: DialBackComponents, checkMs = DIAL_BACK_CHECK_MS) {
    requireMembers('libp2p', components, [
      'registrar.register()',
      'addressManager.getAddressesWithMetadata()',
      'connectionManager.getConnections()'
    ])
    this.#components = components
    this.#checkMs = checkMs
    this.#autonat = autoNATv2()(this.#mended()) as Startable
  }

  async start(): Promise<void> {
    if (this.#timer !== undefined) return
    await this.#autonat.start()
    requireMembers('@libp2p/autonat-v2', { 'registered topology': this.#asking }, ['registered topology'])
    this.#timer = setInterval(() => void this.#askOfNew(), this.#checkMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#asked.clear()
    await this.#autonat.stop()
  }

  /** Has every peer that can dial back asked about addresses that were not there when it was connected to. */
  async #askOfNew(): Promise<void> {
    const { connectionManager, peerStore } = this.#components
    const fresh = this.#addresses().filter(({ multiaddr, verified, type }) => {
      // An observed address is a mere guess, and asked about as the peers come.
      return !verified && type !== 'observed' && !this.#asked.has(multiaddr.toString())
    })
    if (fresh.length === 0 || this.#asking === undefined) return
    const { protocol, topology } = this.#asking
    for (const connection of connectionManager.getConnections()) {
      const { protocols } = await peerStore
        .get(connection.remotePeer)
        .catch(() => ({ protocols: [] as string[] }))
      if (!protocols.includes(protocol)) continue
      for (const { multiaddr } of fresh) this.#asked.add(multiaddr.toString())
      await topology.onConnect?.(connection.remotePeer, connection)
    }
  }

  #addresses(): KnownAddress[] {
    const all = this.#components.addressManager.getAddressesWithMetadata()
    return all.filter(
      ({ multiaddr }) => !multiaddr.getComponents().some(({ name }) => name === 'p2p-circuit')
    )
  }

  /** The node's own components, but for what is mended. */
  #mended(): AutoNATv2Components {
    const { registrar, addressManager, connectionManager } = this.#components
    const register = async (protocol: string, topology: Topology): Promise<string> => {
      requireMembers('@libp2p/autonat-v2', topology, ['onConnect()'])
      const onConnect: Topology['onConnect'] = async (peer, connection) => {
        if (connection.direct) await topology.onConnect?.(peer, connection)
      }
      const direct = { ...topology, onConnect }
      this.#asking = { protocol, topology: direct }
      return await registrar.register(protocol, direct)
    }
    const openConnection = async (to: Multiaddr, options: AbortOptions): Promise<Connection> =>
      shared(await connectionManager.openConnection(to, options))
    return over(this.#components, {
      registrar: over(registrar, { register }),
      addressManager: over(addressManager, { getAddressesWithMetadata: () => this.#addresses() }),
      connectionManager: over(connectionManager, { openConnection })
    }) as unknown as AutoNATv2Components
  }
}

/** The service for libp2p's list. */
export function dialBack(): (components: DialBackComponents) => DialBack {
  return (components) => new DialBack(components)
}

/** A connection that is closed only while no stream of the mesh is on it. */
export function shared(connection: Connection): Connection {
  const used = (): boolean => connection.streams.some(({ protocol }) => protocol.startsWith(OURS))
  return over(connection, {
    close: async (options?: AbortOptions) => {
      if (!used()) await connection.close(options)
    },
    abort: (err: Error) => {
      if (!used()) connection.abort(err)
    }
  })
}

/** An object as it is, but for some of its members; its methods still see the object itself. */
function over<T extends object>(target: T, members: Partial<Record<keyof T, unknown>>): T {
  return new Proxy(target, {
    get: (_, name) => {
      if (Object.hasOwn(members, name)) return members[name as keyof T]
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    }
  })
}
