import ipaddr from 'ipaddr.js'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { addressKind, isPrivateIp } from './address-kind.ts'

/**
 * Whether a dial to an address stays inside. A relayed one goes to its relay; a name is never private: to look it
 * up is to ask somebody outside.
 */
export function isPrivateAddress(address: Multiaddr): boolean {
  const [host] = address.getComponents()
  return (host?.name === 'ip4' || host?.name === 'ip6') && isPrivateIp(host.value ?? '')
}

/** Whether an address is one of the open internet: a public IP address, or a name, not relayed. */
export function isPublicAddress(address: Multiaddr): boolean {
  if (isRelayedAddress(address)) return false
  const [host] = address.getComponents()
  return host?.name.startsWith('dns') === true || hasPublicIp(address)
}

/** Whether an address leads over a relay. */
export function isRelayedAddress(address: Multiaddr): boolean {
  return address.getComponents().some(({ name }) => name === 'p2p-circuit')
}

/**
 * The range that one person is assumed to hold: an IPv4 address within its /24, or an IPv6 /64. Anything else is
 * taken as it is.
 */
export function networkOf(address: Multiaddr): { host: string; subnet: string } {
  const [component] = address.getComponents()
  const value = component?.value ?? ''
  if (component?.name === 'ip4') return { host: value, subnet: value.replace(/\.\d+$/, '') }
  if (component?.name !== 'ip6' || !ipaddr.IPv6.isValid(value)) return { host: value, subnet: value }
  const ip = ipaddr.IPv6.parse(value)
  if (ip.isIPv4MappedAddress()) {
    const mapped = ip.toIPv4Address().toString()
    return { host: mapped, subnet: mapped.replace(/\.\d+$/, '') }
  }
  const prefix = ip.parts.slice(0, 4).join(':')
  return { host: prefix, subnet: prefix }
}

/** Addresses by how far they reach: of the open internet first, of this machine alone last. */
export function farthestFirst(addresses: readonly string[]): string[] {
  const rank = (text: string): number => {
    const address = multiaddr(text)
    if (isPublicAddress(address)) return 0
    const [host] = address.getComponents()
    return addressKind(host?.value ?? '') === 'loopback' ? 2 : 1
  }
  return addresses.toSorted((a, b) => rank(a) - rank(b))
}

function hasPublicIp(address: Multiaddr): boolean {
  const [host] = address.getComponents()
  return (host?.name === 'ip4' || host?.name === 'ip6') && addressKind(host.value ?? '') === 'public'
}
