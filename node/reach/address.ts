import type { Candidate, Endpoint } from '../../protocols/index.ts'
import { addressKind, embedsIpv4 } from '../addresses/index.ts'

/** Whether two peers are on one network, as far as STUN tells. */
export function onOneNetwork(mine: Endpoint, theirs: Endpoint): boolean {
  const [me, them] = [observedAddress(mine), observedAddress(theirs)]
  return me === them || (addressKind(me) === 'private' && addressKind(them) === 'private')
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
  const kind = addressKind(observedAddress(theirs))
  const observed = kind !== 'never' && kind !== 'link-local' && kind === addressKind(observedAddress(mine))
  const local = onOneNetwork(mine, theirs)
    ? theirs.local.filter(({ address }) => addressKind(address) === 'private')
    : []
  const tried = [...local, ...(observed ? theirs.observed.filter(({ address }) => !embedsIpv4(address)) : [])]
  const seen = new Set<string>()
  return tried.filter(({ address, port }) => {
    const key = `${address}:${port}`
    return !seen.has(key) && seen.add(key)
  })
}
