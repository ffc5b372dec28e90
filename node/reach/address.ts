import { networkInterfaces } from 'node:os'
import { BlockList } from 'node:net'
import type { Candidate, Endpoint } from '../../protocols/index.ts'

const PRIVATE = blockList(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'])
const LOOPBACK = blockList(['127.0.0.0/8'])
/** This network, link-local, documentation and benchmarks, multicast, reserved, broadcast. */
const NEVER = blockList([
  '0.0.0.0/8',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3'
])

/** What an IPv4 address is good for. */
export type AddressKind = 'loopback' | 'private' | 'public' | 'never'

export function kindOf(address: string): AddressKind {
  if (LOOPBACK.check(address)) return 'loopback'
  if (PRIVATE.check(address)) return 'private'
  return NEVER.check(address) ? 'never' : 'public'
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

function blockList(subnets: string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [network = '', bits] = subnet.split('/')
    list.addSubnet(network, Number(bits), 'ipv4')
  }
  return list
}
