import type { Connection } from '@libp2p/interface'
import type { Candidate } from '../../protocols/index.ts'
import { addressKind } from '../addresses/index.ts'

/**
 * How a connection goes: within this machine, within the local network, to an address that was reachable as it
 * was, through NATs that were punched, or through a relay.
 */
export type Path = 'host' | 'lan' | 'direct' | 'punched' | 'relayed'

/** Whether a connection goes through a relay. */
export function isRelayed(connection: Connection): boolean {
  return connection.remoteAddr.getComponents().some(({ name }) => name === 'p2p-circuit')
}

/** Where punched connections really go: libp2p sees some of them come from loopback. */
export class PunchedPaths {
  readonly #byPort = new Map<string, Candidate>()
  readonly #dialled = new WeakSet<Connection>()

  /** Remembers a port on loopback until the path behind it is closed. */
  set(transport: 'tcp' | 'udp', port: number, remote: Candidate, closed: Promise<void>): void {
    const key = `127.0.0.1 ${transport} ${port}`
    this.#byPort.set(key, remote)
    void closed.then(() => this.#byPort.delete(key))
  }

  /** Remembers a connection that this node made by punching. */
  add(connection: Connection): void {
    this.#dialled.add(connection)
  }

  pathOf(connection: Connection): Path {
    if (isRelayed(connection)) return 'relayed'
    const [host, port] = connection.remoteAddr.getComponents()
    const remote = this.#byPort.get(`${host?.value ?? ''} ${port?.name ?? ''} ${port?.value ?? ''}`)
    const named = host?.name !== 'ip4' && host?.name !== 'ip6'
    const kind = named ? 'public' : addressKind(remote?.address ?? host.value ?? '')
    if (kind === 'loopback') return 'host'
    if (kind === 'private') return 'lan'
    return remote !== undefined || this.#dialled.has(connection) ? 'punched' : 'direct'
  }
}
