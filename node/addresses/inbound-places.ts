import type { Multiaddr } from '@multiformats/multiaddr'
import { isPublicAddress, networkOf } from './multiaddrs.ts'

/** Connections of one IPv4 address or IPv6 /64, of the 2,000 that a node holds: a company behind one NAT. */
export const MAX_PER_HOST = 256

/** The same of a whole IPv4 /24. */
export const MAX_PER_SUBNET = 1024

/**
 * Gives each public address a part of a node's connections, so that one host leaves room for others. Private addresses
 * are not counted: a reverse proxy or a container's bridge stands for everybody. Relayed connections are not either: the
 * relay bounds them by peer.
 */
export class InboundPlaces {
  readonly #held = new Map<string, number>()

  /** Whether one more connection may come from an address. */
  admits(address: Multiaddr): boolean {
    if (!isPublicAddress(address)) return true
    const { host, subnet } = keysOf(address)
    return this.#count(host) < MAX_PER_HOST && this.#count(subnet) < MAX_PER_SUBNET
  }

  /** A connection was opened. */
  opened(address: Multiaddr): void {
    this.#add(address, 1)
  }

  /** A connection was closed. */
  closed(address: Multiaddr): void {
    this.#add(address, -1)
  }

  #add(address: Multiaddr, by: number): void {
    if (!isPublicAddress(address)) return
    for (const key of Object.values(keysOf(address))) {
      const count = this.#count(key) + by
      if (count > 0) this.#held.set(key, count)
      else this.#held.delete(key)
    }
  }

  #count(key: string): number {
    return this.#held.get(key) ?? 0
  }
}

/** The names under which an address is counted: an IPv6 /64 is both its own host and its own subnet. */
function keysOf(address: Multiaddr): { host: string; subnet: string } {
  const { host, subnet } = networkOf(address)
  return { host: `host ${host}`, subnet: `subnet ${subnet}` }
}
