import type { Connection, Libp2p, Logger, PeerId, Startable } from '@libp2p/interface'
import { STUN_PROTOCOL, askStunPorts } from '../../../protocols/index.ts'
import type { StunServerAddress } from './client.ts'

/** Relays asked in one attempt: two tell what one cannot, a third tells nothing new. */
const MAX_RELAYS = 2

/** STUN servers that can be asked now. */
export interface StunServers {
  udp: StunServerAddress[]
  tcp: StunServerAddress[]
}

export interface StunDirectoryComponents {
  libp2p: Pick<Libp2p, 'register' | 'unregister'>
  log: Logger
}

/** The STUN servers of the relays that this node is connected to. */
export class StunDirectory implements Startable {
  readonly #components: StunDirectoryComponents
  readonly #onRelay: () => void
  readonly #known = new Map<string, { connection: Connection; servers: StunServers }>()
  readonly #asking = new Set<Promise<void>>()
  #stopped: AbortController | undefined
  #topology: string | undefined

  /** `onRelay` is told of each relay that was connected to. */
  constructor(components: StunDirectoryComponents, onRelay: () => void) {
    this.#components = components
    this.#onRelay = onRelay
  }

  async start(): Promise<void> {
    if (this.#stopped !== undefined) return
    this.#stopped = new AbortController()
    const { signal } = this.#stopped
    this.#topology = await this.#components.libp2p.register(STUN_PROTOCOL, {
      onConnect: (peer, connection) => {
        // Every identify push comes here too.
        if (this.#known.get(peer.toString())?.connection === connection) return
        const asking = this.#ask(peer, connection, signal).finally(() => this.#asking.delete(asking))
        this.#asking.add(asking)
      },
      onDisconnect: (peer) => void this.#known.delete(peer.toString())
    })
  }

  async stop(): Promise<void> {
    if (this.#topology !== undefined) this.#components.libp2p.unregister(this.#topology)
    this.#topology = undefined
    this.#stopped?.abort()
    await Promise.all(this.#asking)
    this.#stopped = undefined
    this.#known.clear()
  }

  servers(): StunServers {
    const known = [...this.#known.values()].slice(-MAX_RELAYS)
    return {
      udp: known.flatMap(({ servers }) => servers.udp.slice(0, 2)),
      tcp: known.flatMap(({ servers }) => servers.tcp)
    }
  }

  async #ask(peer: PeerId, connection: Connection, signal: AbortSignal): Promise<void> {
    const host = hostOf(connection)
    if (host === undefined) return
    try {
      const { udp, tcp } = await askStunPorts(connection, { signal })
      this.#known.set(peer.toString(), {
        connection,
        servers: {
          udp: udp.map((port) => ({ host, port })),
          tcp: tcp === undefined ? [] : [{ host, port: tcp }]
        }
      })
      this.#onRelay()
    } catch (err) {
      this.#components.log('relay %p did not tell its STUN ports - %e', peer, err)
    }
  }
}

/**
 * The host to which this node made a direct connection, where it is of IPv4 or a name. A peer that came by itself may
 * seem to come from anywhere, as from a proxy on this machine, and would have ports there asked.
 */
function hostOf(connection: Connection): string | undefined {
  if (connection.direction !== 'outbound') return undefined
  const components = connection.remoteAddr.getComponents()
  if (components.some(({ name }) => name === 'p2p-circuit')) return undefined
  return components.find(({ name }) => ['ip4', 'dns', 'dns4'].includes(name))?.value
}
