import ipaddr from 'ipaddr.js'

/**
 * The kind of an IP address. `private` is a home's, company's or VPN's own range (RFC 1918, 4193, 6598);
 * `link-local` reaches one cable; `never` is the address of no peer: multicast, broadcast, documentation,
 * benchmarking, tunnels, a cloud's metadata service, or no address at all.
 */
export type AddressKind = 'loopback' | 'link-local' | 'private' | 'public' | 'never'

/** Metadata services of clouds, which hand out credentials, outside of link-local: those of AWS, Alibaba and Oracle. */
const METADATA = new Set(['fd00:ec2::254', '100.100.100.200', '192.0.0.192'])

/** By the ranges of ipaddr.js; whatever it names and this does not is `never`. */
const KINDS: Readonly<Record<string, AddressKind>> = {
  unicast: 'public',
  loopback: 'loopback',
  linkLocal: 'link-local',
  private: 'private',
  carrierGradeNat: 'private',
  uniqueLocal: 'private'
}

/** Where NAT64 and IPv4-compatible addresses hold their IPv4 address, as the index of its first 16 bits. */
const EMBEDDED_AT = 6

/**
 * Judges an IP address by what a packet to it reaches: an IPv4 address within an IPv6 one (mapped, or by NAT64's
 * well-known prefix) is judged as itself. `never` for a text that is no IP address.
 */
export function addressKind(ip: string): AddressKind {
  const [text = ''] = ip.split('%')
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return 'never'
  const address = ipaddr.parse(text)
  if (METADATA.has(address.toString())) return 'never'
  if (address instanceof ipaddr.IPv4) return KINDS[address.range()] ?? 'never'
  const range = address.range()
  if (range === 'ipv4Mapped') return addressKind(address.toIPv4Address().toString())
  if (range === 'rfc6052') return addressKind(embedded(address))
  // 2000::/3 is all of IPv6 that is given out to networks.
  if (range === 'unicast' && ((address.parts[0] ?? 0) & 0xe000) !== 0x2000) return 'never'
  return KINDS[range] ?? 'never'
}

/** Whether an IPv6 address stands for an IPv4 one: mapped, or by NAT64's well-known prefix. */
export function embedsIpv4(ip: string): boolean {
  if (!ipaddr.IPv6.isValid(ip)) return false
  const range = ipaddr.IPv6.parse(ip).range()
  return range === 'ipv4Mapped' || range === 'rfc6052'
}

/** Whether an address is of this machine, this link or a private range: a dial there stays inside. */
export function isPrivateIp(ip: string): boolean {
  const kind = addressKind(ip)
  return kind === 'private' || kind === 'loopback' || kind === 'link-local'
}

function embedded({ parts }: ipaddr.IPv6): string {
  const [high = 0, low = 0] = parts.slice(EMBEDDED_AT)
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}
