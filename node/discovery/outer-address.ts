import type { Connection, IdentifyResult, Startable, TypedEventTarget } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { isPrivateAddress, isPublicAddress } from '../addresses/index.ts'

/** Public IP addresses that are looked into: a machine has one or two, and whoever connects may name some. */
const MAX_HOSTS = 4

export interface OuterAddressComponents {
  events: TypedEventTarget<{ 'peer:identify': CustomEvent<IdentifyResult> }>
  transportManager: { getAddrs(): Multiaddr[] }
  addressManager: {
    addPublicAddressMapping(
      internalIp: string,
      internalPort: number,
      externalIp: string,
      externalPort: number,
      protocol: 'tcp' | 'udp'
    ): void
  }
}

/**
 * Finds the public address of a machine that does not know it, as those of most clouds do not: a peer that has
 * dialled this node says at which address. libp2p is told of it as of a forwarded port, and lists it when a peer's
 * dial back has succeeded; of what peers see of TCP it believes nothing by itself (js-libp2p #2620).
 */
export class OuterAddress implements Startable {
  readonly #components: OuterAddressComponents
  readonly #hosts = new Set<string>()

  constructor(components: OuterAddressComponents) {
    this.#components = components
  }

  start(): void {
    this.#components.events.addEventListener('peer:identify', this.#onIdentify)
  }

  stop(): void {
    this.#components.events.removeEventListener('peer:identify', this.#onIdentify)
    this.#hosts.clear()
  }

  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    const { observedAddr, connection } = detail
    if (observedAddr === undefined || !isDialledBy(connection) || !isPublicAddress(observedAddr)) return
    const { transportManager, addressManager } = this.#components
    const listened = transportManager
      .getAddrs()
      .map(endOf)
      .filter((end) => end !== undefined)
    const seen = endOf(observedAddr)
    if (seen === undefined || this.#hosts.has(seen.host) || this.#hosts.size >= MAX_HOSTS) return
    // The machine's own address needs no mapping, and a different port means that something else is in between.
    if (listened.some(({ host }) => host === seen.host)) return
    if (!listened.some(({ protocol, port }) => protocol === seen.protocol && port === seen.port)) return
    this.#hosts.add(seen.host)
    for (const { host, protocol, port, isPrivate } of listened) {
      if (isPrivate) addressManager.addPublicAddressMapping(host, port, seen.host, port, protocol)
    }
  }
}

/** Whether a peer came by itself, and not through a relay: what it says then is what it dialled. */
function isDialledBy({ direction, remoteAddr }: Connection): boolean {
  return direction === 'inbound' && !remoteAddr.toString().includes('/p2p-circuit')
}

interface End {
  host: string
  protocol: 'tcp' | 'udp'
  port: number
  /** Of a private range, but not of this machine alone. */
  isPrivate: boolean
}

function endOf(address: Multiaddr): End | undefined {
  const [host, transport] = address.getComponents()
  if (host?.name !== 'ip4' || (transport?.name !== 'tcp' && transport?.name !== 'udp')) return undefined
  const ip = host.value ?? ''
  return {
    host: ip,
    protocol: transport.name,
    port: Number(transport.value),
    isPrivate: isPrivateAddress(address) && !ip.startsWith('127.')
  }
}

/** The service for libp2p's list. */
export function outerAddress(): (components: OuterAddressComponents) => OuterAddress {
  return (components) => new OuterAddress(components)
}
