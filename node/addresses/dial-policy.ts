import { Resolver } from 'node:dns/promises'
import { multiaddr, type Component, type Multiaddr } from '@multiformats/multiaddr'
import QuickLRU from 'quick-lru'
import { addressKind } from './address-kind.ts'
import { isOnOwnNetwork, isOwnAddress } from './interfaces.ts'
import { isRelayedAddress } from './multiaddrs.ts'

/** Addresses that are remembered as the user's word, as a neighbour's, and as proven, of each. */
const MAX_REMEMBERED = 4096

/** Addresses of one name that are dialled. */
const MAX_ADDRESSES_OF_NAME = 4

/** Longest look-up of a name, in milliseconds. */
const LOOKUP_TIMEOUT_MS = 2000

/** Ports below belong to system services; none of them is dialled at another peer's word but the web's. */
const FIRST_USER_PORT = 1024
const WEB_PORTS = new Set([80, 443])

const NAMES = new Set(['dns', 'dns4', 'dns6'])

/** Components that may follow host and port in an address from another peer: no paths, no Unix sockets. */
const TRANSPORTS = new Set(['quic-v1', 'tls', 'sni', 'ws', 'wss', 'p2p'])

/** Looks a name up for IP addresses of one version. */
export type Lookup = (name: string, version: 4 | 6) => Promise<string[]>

export interface DialPolicyInit {
  /** Whether a peer is a friend of this node's user. @default nobody is */
  isFriend?: (peer: string) => boolean
  /** Whether every peer of the mesh is a member: nobody else can connect. @default false */
  privateMesh?: boolean
  /** Whether this machine's own addresses are dialled at another peer's word: for tests and demonstrations. @default false */
  loopbackPeers?: boolean
  /** @default the system's name servers */
  lookup?: Lookup
  /** Whether this machine is on the network of a private address. @default by its interfaces */
  isNear?: (ip: string) => boolean
}

/** An address, and how this node knows it. */
export interface ToldAddress {
  address: Multiaddr
  /** The peer to be reached, where that is known. */
  peer: string | undefined
  /** Whether that peer itself has signed for the address. */
  isCertified: boolean
}

/**
 * Decides which addresses are dialled at the word of another peer: public ones. Private ones are dialled for friends
 * and members of a private mesh, and for neighbours that mDNS found, on networks that this machine is on; addresses of
 * this machine, its links and its cloud's metadata service never. The user's own word is always taken.
 */
export class DialPolicy {
  readonly #init: DialPolicyInit
  readonly #lookup: Lookup
  readonly #trusted = new QuickLRU<string, true>({ maxSize: MAX_REMEMBERED })
  readonly #neighbours = new QuickLRU<string, true>({ maxSize: MAX_REMEMBERED })
  readonly #proven = new QuickLRU<string, true>({ maxSize: MAX_REMEMBERED })

  constructor(init: DialPolicyInit = {}) {
    this.#init = init
    this.#lookup = init.lookup ?? lookUp
  }

  /** Takes addresses as the user's word. */
  trust(addresses: readonly Multiaddr[]): void {
    for (const address of addresses) this.#trusted.set(address.toString(), true)
  }

  /** Takes addresses that the local network told of a peer. */
  meet(peer: string, addresses: readonly Multiaddr[]): void {
    for (const address of addresses) this.#neighbours.set(withPeer(address, peer), true)
  }

  /** Notes that a peer has proved its identity at an address. */
  succeeded(address: Multiaddr, peer: string): void {
    this.#proven.set(withPeer(address, peer), true)
  }

  /** Whether the user named an address, or its peer has proved its identity there. */
  isKnown(address: Multiaddr, peer: string | undefined): boolean {
    return this.isTrusted(address) || this.#proven.has(withPeer(address, peer))
  }

  /** Whether the user named an address. */
  isTrusted(address: Multiaddr): boolean {
    return this.#trusted.has(address.toString()) || this.#trusted.has(withoutPeer(address))
  }

  /**
   * The addresses to dial: the address itself, or those that its name resolves to now, so that it is not resolved
   * again after it was judged. Nothing where it is refused.
   */
  async judge(told: ToldAddress): Promise<Multiaddr[]> {
    const { address, peer } = told
    // The dial of a relay comes here by itself.
    if (this.isTrusted(address) || isRelayedAddress(address)) return [address]
    const components = address.getComponents()
    const [host, port, ...rest] = components
    if (host === undefined || port === undefined || !rest.every(({ name }) => TRANSPORTS.has(name))) return []
    if (!permitsPort(port)) return []
    const vouched = told.isCertified || this.#neighbours.has(withPeer(address, peer))
    if (!NAMES.has(host.name)) {
      const isIp = host.name === 'ip4' || host.name === 'ip6'
      return isIp && this.permits(host.value ?? '', peer, vouched, this.#isNeighbour(told)) ? [address] : []
    }
    const ips = await this.#addressesOf(host)
    return ips.filter((ip) => this.permits(ip, peer, vouched)).map((ip) => pinned(ip, components))
  }

  /**
   * Whether an IP address is dialled for a peer. `vouched` says that the peer itself told it, and not another in its
   * name.
   */
  permits(ip: string, peer: string | undefined, vouched: boolean, neighbour = false): boolean {
    const { isFriend = () => false, privateMesh = false, loopbackPeers = false } = this.#init
    const { isNear = isOnOwnNetwork } = this.#init
    const kind = addressKind(ip)
    if (kind === 'never' || kind === 'link-local') return false
    if (kind === 'loopback') return loopbackPeers
    const near = privateMesh || neighbour || (vouched && peer !== undefined && isFriend(peer))
    // A dial to this machine passes its firewall by, as one to loopback does.
    if (isOwnAddress(ip)) return loopbackPeers || near
    return kind === 'public' || (near && isNear(ip))
  }

  #isNeighbour({ address, peer }: ToldAddress): boolean {
    return this.#neighbours.has(withPeer(address, peer))
  }

  async #addressesOf({ name, value = '' }: Component): Promise<string[]> {
    const versions = ([4, 6] as const).filter((version) => name === 'dns' || name === `dns${version}`)
    const found = await Promise.allSettled(versions.map((version) => this.#lookup(value, version)))
    return found
      .flatMap((answer) =>
        answer.status === 'fulfilled' ? answer.value.slice(0, MAX_ADDRESSES_OF_NAME) : []
      )
      .slice(0, MAX_ADDRESSES_OF_NAME)
  }
}

/** Asks the name servers directly: `getaddrinfo` would hold a thread that the disk needs. */
async function lookUp(name: string, version: 4 | 6): Promise<string[]> {
  const resolver = new Resolver({ timeout: LOOKUP_TIMEOUT_MS, tries: 1 })
  return version === 4 ? await resolver.resolve4(name) : await resolver.resolve6(name)
}

function permitsPort({ name, value }: Component): boolean {
  const port = Number(value)
  return (name === 'tcp' || name === 'udp') && (port >= FIRST_USER_PORT || WEB_PORTS.has(port))
}

/** An address with its name replaced; TLS still asks for the name. */
function pinned(ip: string, [host, port, ...rest]: Component[]): Multiaddr {
  const named = rest.flatMap(({ name, value }): [string, string?][] => {
    if (name === 'wss') return [['tls'], ['sni', host?.value], ['ws']]
    if (name === 'sni') return []
    return name === 'tls' ? [['tls'], ['sni', host?.value]] : [[name, value]]
  })
  const parts = [[ip.includes(':') ? 'ip6' : 'ip4', ip], [port?.name, port?.value], ...named]
  return multiaddr(`/${parts.flatMap((part) => part.filter((text) => text !== undefined)).join('/')}`)
}

function withoutPeer(address: Multiaddr): string {
  return address.toString().replace(/\/p2p\/[^/]+$/, '')
}

function withPeer(address: Multiaddr, peer = ''): string {
  return isRelayedAddress(address) ? address.toString() : `${withoutPeer(address)}/p2p/${peer}`
}
