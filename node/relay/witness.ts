import type {
  Connection,
  Logger,
  PeerId,
  Startable,
  StreamHandler,
  StreamHandlerOptions
} from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { SEEN_PROTOCOL, tellSeen } from '../../protocols/index.ts'
import { isRelayedAddress } from '../addresses/index.ts'
import type { RelayUsage } from './limits.ts'

/** Addresses that are told of one peer. */
const MAX_ADDRESSES = 4

export interface WitnessComponents {
  registrar: {
    handle(protocol: string, handler: StreamHandler, options?: StreamHandlerOptions): Promise<void>
    unhandle(protocol: string): Promise<void>
  }
  connectionManager: { getConnections(peer: PeerId): Connection[] }
  logger: { forComponent(name: string): Logger }
}

/**
 * Tells the two ends of a circuit at which addresses this relay sees the other: a peer that said so itself could have
 * any address probed. Peers without a circuit between them are told nothing.
 */
export class Witness implements Startable {
  readonly #usage: RelayUsage
  readonly #components: WitnessComponents
  readonly #log: Logger

  constructor(usage: RelayUsage, components: WitnessComponents) {
    this.#usage = usage
    this.#components = components
    this.#log = components.logger.forComponent('lobstah:witness')
  }

  async start(): Promise<void> {
    await this.#components.registrar.handle(SEEN_PROTOCOL, this.#onStream, { maxInboundStreams: 8 })
  }

  async stop(): Promise<void> {
    await this.#components.registrar.unhandle(SEEN_PROTOCOL)
  }

  readonly #onStream: StreamHandler = (stream, { remotePeer: asking }) => {
    const addressesOf = (peer: string): string[] =>
      this.#usage.connects(asking.toString(), peer) ? this.#addressesOf(peerIdFromString(peer)) : []
    tellSeen(stream, addressesOf).catch((err: unknown) => {
      stream.abort(err instanceof Error ? err : new DOMException('No answer', 'AbortError'))
      this.#log('%p was not told how another peer is seen - %e', asking, err)
    })
  }

  #addressesOf(peer: PeerId): string[] {
    const addresses = this.#components.connectionManager.getConnections(peer).flatMap(({ remoteAddr }) => {
      if (isRelayedAddress(remoteAddr)) return []
      const [host] = remoteAddr.getComponents()
      return (host?.name === 'ip4' || host?.name === 'ip6') && host.value !== undefined ? [host.value] : []
    })
    return [...new Set(addresses)].slice(-MAX_ADDRESSES)
  }
}

/** The service for libp2p's list. */
export function witness(usage: RelayUsage): (components: WitnessComponents) => Witness {
  return (components) => new Witness(usage, components)
}
