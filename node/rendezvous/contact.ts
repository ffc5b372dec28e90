import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { MAX_ADDRESS_LENGTH, MAX_CONTACT_BYTES, type Contact } from '../../protocols/presence/index.ts'
import { addressKind, farthestFirst } from '../addresses/index.ts'
import { MAX_ANNOUNCED_ADDRESSES, MAX_ANNOUNCED_MODELS } from './constants.ts'

export interface ContactOptions {
  /** Whether private addresses are told: those of a network are nobody's business but its mesh's. @default false */
  privateAddresses?: boolean
  /** Whether loopback addresses are told: for tests and demonstrations. @default false */
  loopbackPeers?: boolean
}

/** A node's own announcement; undefined while it has no address that others could use. */
export function contactOf(
  addresses: readonly Multiaddr[],
  models: readonly string[],
  relay: boolean,
  options: ContactOptions = {}
): Contact | undefined {
  const told = farthestFirst(addresses.filter((address) => isTold(address, options)).map(String)).filter(
    (text) => text.length <= MAX_ADDRESS_LENGTH
  )
  if (told.length === 0) return undefined
  const contact = {
    addresses: told.slice(0, MAX_ANNOUNCED_ADDRESSES),
    models: models.slice(0, MAX_ANNOUNCED_MODELS),
    relay
  }
  const tooLong = (): boolean => Buffer.byteLength(JSON.stringify(contact)) > MAX_CONTACT_BYTES
  while (tooLong() && contact.models.length > 0) contact.models.pop()
  while (tooLong()) contact.addresses.pop()
  return contact
}

/** The addresses of a presence, each ended by its peer's id; others are left out. */
export function addressesOf({ addresses }: Contact, peer: string): Multiaddr[] {
  return addresses.flatMap((text) => {
    try {
      const address = multiaddr(text)
      const last = address.getComponents().at(-1)
      if (last?.name !== 'p2p') return [multiaddr(`${text}/p2p/${peer}`)]
      return last.value === peer ? [address] : []
    } catch {
      return []
    }
  })
}

/** Whether an address means something to others; a relayed one is its relay's. */
function isTold(
  address: Multiaddr,
  { privateAddresses = false, loopbackPeers = false }: ContactOptions
): boolean {
  const [host] = address.getComponents()
  if (host === undefined) return false
  if (host.name.startsWith('dns')) return true
  const kind = addressKind(host.value ?? '')
  return (
    kind === 'public' || (kind === 'private' && privateAddresses) || (kind === 'loopback' && loopbackPeers)
  )
}
