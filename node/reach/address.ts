import { networkInterfaces } from 'node:os'
import { BlockList, isIPv6 } from 'node:net'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Candidate, Endpoint } from '../../protocols/index.ts'

const PRIVATE = blockList([
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  'fc00::/7',
  'fe80::/10'
])
const LOOPBACK = blockList(['127.0.0.0/8', '::1/128'])
/** This network, link-local, documentation and benchmarks, multicast, reserved, broadcast. */
const NEVER = blockList([
  '0.0.0.0/8',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  // Teredo and 6to4 are tunnels, the rest as above.
  '2001::/32',
  '2001:db8::/32',
  '2002::/16'
])

/** Private ranges that are often routed as a whole, as VPNs and companies do; of others only a subnet is here. */
const ROUTED = ['10.0.0.0/8', '100.64.0.0/10'].map((range) => blockList([range]))

/** All of IPv6 that is given out to networks. */
const GLOBAL = blockList(['2000::/3'])

/** What an IP address is good for. */
export type AddressKind = 'loopback' | 'private' | 'public' | 'never'

export function kindOf(address: string): AddressKind {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4'
  if (LOOPBACK.check(address, family)) return 'loopback'
  if (PRIVATE.check(address, family)) return 'private'
  if (NEVER.check(address, family)) return 'never'
  return family === 'ipv4' || GLOBAL.check(address, family) ? 'public' : 'never'
}

/** A global IPv6 address of this machine, where it has one. */
export function globalAddress(): string | undefined {
  return Object.values(networkInterfaces())
    .flat()
    .find((entry) => entry?.family === 'IPv6' && !entry.internal && kindOf(entry.address) === 'public')
    ?.address
}

/** Whether a peer's address is one of the open internet, as far as it tells. */
export function isPublic(address: Multiaddr): boolean {
  const [host, ...rest] = address.getComponents()
  if (host?.name !== 'ip4' && host?.name !== 'ip6') return false
  return kindOf(host.value ?? '') === 'public' && rest.every(({ name }) => name !== 'p2p-circuit')
}

/** Local addresses in one endpoint: more interfaces than these are rarely on the peer's network. */
const MAX_LOCAL = 4

/** IPv4 addresses of this machine's own interfaces, without loopback. */
export function localAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flat()
    .filter((entry) => entry?.family === 'IPv4' && !entry.internal)
    .map((entry) => entry?.address ?? '')
    .filter((address) => kindOf(address) === 'private')
    .slice(0, MAX_LOCAL)
}

/** Changes when this machine joins another network. */
export function networkFingerprint(): string {
  return Object.values(networkInterfaces())
    .flat()
    .map((entry) => entry?.cidr ?? '')
    .sort()
    .join(' ')
}

/** Whether two peers are on one network, as far as STUN tells. */
export function onOneNetwork(mine: Endpoint, theirs: Endpoint): boolean {
  const [me, them] = [observedAddress(mine), observedAddress(theirs)]
  return me === them || (kindOf(me) === 'private' && kindOf(them) === 'private')
}

/** The one address that an endpoint was seen at. */
export function observedAddress({ observed }: Endpoint): string {
  return observed[0]?.address ?? '0.0.0.0'
}

/**
 * Which of a peer's addresses are tried, best first: never one that it could not have, as far as can be told.
 * The rules are in `protocols/punch/README.md`.
 */
export function addressesToTry(mine: Endpoint, theirs: Endpoint): Candidate[] {
  const kind = kindOf(observedAddress(theirs))
  const observed = kind !== 'never' && kind === kindOf(observedAddress(mine))
  const local = onOneNetwork(mine, theirs)
    ? theirs.local.filter(({ address }) => kindOf(address) === 'private')
    : []
  const tried = [...local, ...(observed ? theirs.observed : [])]
  const seen = new Set<string>()
  return tried.filter(({ address, port }) => {
    const key = `${address}:${port}`
    return !seen.has(key) && seen.add(key)
  })
}

/**
 * Whether a dial to an address that a peer tells can lead to that peer: a private one of a network that this
 * machine is not on leads nowhere, and a dial there takes seconds to fail.
 */
export function leadsThere(address: Multiaddr): boolean {
  const [host, ...rest] = address.getComponents()
  const ip = host?.value ?? ''
  if ((host?.name !== 'ip4' && host?.name !== 'ip6') || kindOf(ip) !== 'private') return true
  if (rest.some(({ name }) => name === 'p2p-circuit')) return true
  const family = isIPv6(ip) ? 'ipv6' : 'ipv4'
  return Object.values(networkInterfaces())
    .flat()
    .some((entry) => {
      if (entry?.cidr == null) return false
      if (ROUTED.some((range) => range.check(ip, family) && range.check(entry.address))) return true
      return blockList([entry.cidr]).check(ip, family)
    })
}

function blockList(subnets: string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [network = '', bits] = subnet.split('/')
    list.addSubnet(network, Number(bits), isIPv6(network) ? 'ipv6' : 'ipv4')
  }
  return list
}
