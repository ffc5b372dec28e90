import type { PeerId } from '@libp2p/interface'
import type { SingleKadDHT } from '@libp2p/kad-dht'
import type { CID } from 'multiformats/cid'
import { requireMembers } from './members.ts'

/** Provider records that a DHT server holds of one peer: one for each of its models, and one. */
const MAX_PER_PEER = 256

/** Provider records that a DHT server holds in all. */
const MAX_RECORDS = 32_768

/** Where kad-dht keeps records; not in its public type. */
interface Providers {
  addProvider(cid: CID, provider: PeerId, options?: object): Promise<void>
  getProviders(cid: CID, options?: object): Promise<PeerId[]>
  removeProvider(cid: CID, provider: PeerId, options?: object): Promise<void>
}

export interface RecordBounds {
  perPeer?: number
  records?: number
}

/**
 * Bounds the provider records of a DHT server: of one peer, its oldest goes, and of all, the one that was longest
 * neither told nor asked for. kad-dht takes any number, to the disk.
 */
export function boundRecords(
  dht: SingleKadDHT,
  { perPeer = MAX_PER_PEER, records = MAX_RECORDS }: RecordBounds = {}
): SingleKadDHT {
  requireMembers('@libp2p/kad-dht', dht, [
    'providers.addProvider()',
    'providers.getProviders()',
    'providers.removeProvider()'
  ])
  const { providers } = dht as unknown as { providers: Providers }
  const [add, get] = [providers.addProvider.bind(providers), providers.getProviders.bind(providers)]
  /** By key, the least used first. */
  const used = new Map<string, { cid: CID; provider: PeerId }>()
  const byPeer = new Map<string, Set<string>>()
  const forget = async (key: string): Promise<void> => {
    const record = used.get(key)
    if (record === undefined) return
    used.delete(key)
    const peer = record.provider.toString()
    byPeer.get(peer)?.delete(key)
    if (byPeer.get(peer)?.size === 0) byPeer.delete(peer)
    await providers.removeProvider(record.cid, record.provider)
  }
  providers.addProvider = async (cid, provider, options) => {
    const peer = provider.toString()
    const key = `${cid.toString()} ${peer}`
    used.delete(key)
    used.set(key, { cid, provider })
    const own = byPeer.get(peer) ?? new Set()
    byPeer.set(peer, own.add(key))
    const [oldest] = own
    if (own.size > perPeer && oldest !== undefined) await forget(oldest)
    const [least] = used.keys()
    if (used.size > records && least !== undefined) await forget(least)
    await add(cid, provider, options)
  }
  providers.getProviders = async (cid, options) => {
    const found = await get(cid, options)
    for (const provider of found) {
      const key = `${cid.toString()} ${provider.toString()}`
      const record = used.get(key)
      if (record === undefined) continue
      used.delete(key)
      used.set(key, record)
    }
    return found
  }
  return dht
}
