import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os'
import type { Multiaddr } from '@multiformats/multiaddr'
import ipaddr from 'ipaddr.js'
import { addressKind } from './address-kind.ts'

/** Private ranges that VPNs and companies route as a whole; of others only the subnet itself is in reach. */
const ROUTED = ['10.0.0.0/8', '100.64.0.0/10'].map((range) => ipaddr.parseCIDR(range))

/** Local addresses in one endpoint: more interfaces than these are rarely on the peer's network. */
const MAX_LOCAL = 4

function interfaces(): NetworkInterfaceInfo[] {
  return Object.values(networkInterfaces())
    .flat()
    .filter((entry) => entry !== undefined)
}

/** A global IPv6 address of this machine, where it has one. */
export function globalAddress(): string | undefined {
  return interfaces().find(
    ({ family, internal, address }) => family === 'IPv6' && !internal && addressKind(address) === 'public'
  )?.address
}

/** IPv4 addresses of this machine's own interfaces, without loopback. */
export function localAddresses(): string[] {
  return interfaces()
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
    .filter((address) => addressKind(address) === 'private')
    .slice(0, MAX_LOCAL)
}

/** Changes when this machine joins another network. */
export function networkFingerprint(): string {
  return interfaces()
    .map(({ cidr }) => cidr ?? '')
    .sort()
    .join(' ')
}

/** Whether an IP address is one of this machine's own. */
export function isOwnAddress(ip: string): boolean {
  if (!ipaddr.isValid(ip)) return false
  const text = ipaddr.process(ip).toString()
  return interfaces().some(({ address }) => ipaddr.process(address).toString() === text)
}

/** Whether a private address is of a network that this machine is on, a routed VPN's or company's among them. */
export function isOnOwnNetwork(ip: string): boolean {
  if (!ipaddr.isValid(ip)) return false
  const address = ipaddr.process(ip)
  return interfaces().some(({ cidr, address: own }) => {
    if (cidr === null || !ipaddr.isValidCIDR(cidr)) return false
    if (inRange(address, ipaddr.parseCIDR(cidr))) return true
    return ROUTED.some((range) => inRange(address, range) && inRange(ipaddr.process(own), range))
  })
}

/**
 * Whether a dial to an address that a peer tells can lead to that peer: a private one of a network that this
 * machine is not on leads nowhere, and a dial there takes seconds to fail.
 */
export function leadsThere(address: Multiaddr): boolean {
  const [host, ...rest] = address.getComponents()
  const ip = host?.value ?? ''
  if ((host?.name !== 'ip4' && host?.name !== 'ip6') || addressKind(ip) !== 'private') return true
  if (rest.some(({ name }) => name === 'p2p-circuit')) return true
  return isOnOwnNetwork(ip)
}

function inRange(address: ipaddr.IPv4 | ipaddr.IPv6, range: [ipaddr.IPv4 | ipaddr.IPv6, number]): boolean {
  return address.kind() === range[0].kind() && address.match(range)
}
