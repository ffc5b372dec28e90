import { BlockList, isIP } from 'node:net'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'

const PRIVATE = new BlockList()
for (const [net, prefix] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  // Carriers' own networks, and VPNs such as Tailscale's.
  ['100.64.0.0', 10]
] as const) {
  PRIVATE.addSubnet(net, prefix, 'ipv4')
}
for (const [net, prefix] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10]
] as const) {
  PRIVATE.addSubnet(net, prefix, 'ipv6')
}

/** Whether an IP address is of a private range (RFC 1918, 4193, 6598), this link or this machine. */
export function isPrivateIp(ip: string): boolean {
  const version = isIP(ip)
  return version !== 0 && PRIVATE.check(ip, version === 4 ? 'ipv4' : 'ipv6')
}

/**
 * Whether a dial to an address stays in private ranges. A relayed one goes to its relay; a name is never
 * private: to look it up is to ask somebody outside.
 */
export function isPrivateAddress(address: Multiaddr): boolean {
  const [host] = address.getComponents()
  return (host?.name === 'ip4' || host?.name === 'ip6') && isPrivateIp(host.value ?? '')
}

/** Whether an address is one of the open internet: an IP address that is not private, or a name, not relayed. */
export function isPublicAddress(address: Multiaddr): boolean {
  const parts = address.getComponents()
  if (parts.some(({ name }) => name === 'p2p-circuit')) return false
  const host = parts[0]
  if (host?.name === 'ip4' || host?.name === 'ip6') return !isPrivateIp(host.value ?? '')
  return host?.name.startsWith('dns') === true
}

/** Addresses by how far they reach: of the open internet first, of this machine alone last. */
export function farthestFirst(addresses: readonly string[]): string[] {
  const rank = (text: string): number => {
    if (isPublicAddress(multiaddr(text))) return 0
    return /^\/ip4\/127\.|^\/ip6\/::1\//.test(text) ? 2 : 1
  }
  return addresses.toSorted((a, b) => rank(a) - rank(b))
}
