import type { PeerId } from '@libp2p/interface'
import type { KadDHTComponents, QueryEvent, SingleKadDHT } from '@libp2p/kad-dht'
import QuickLRU from 'quick-lru'
import { requireMembers } from './members.ts'

/** How long a server that could not be reached is sent no query, in milliseconds. */
const REST_MS = 30_000

/** Servers that are remembered so: answers may name any number. */
const MAX_RESTING = 1024

type Send = (
  to: PeerId,
  message: object,
  options: { signal?: AbortSignal }
) => AsyncGenerator<QueryEvent, void, undefined>

/** By what kad-dht sends its queries; not in its public type. */
interface Network {
  sendRequest: Send
  sendMessage: Send
}

/**
 * Keeps queries from waiting for servers that are gone. kad-dht leaves those in its table for as long as there is
 * room, and others tell of them: each look-up would wait 5 s for a dial to fail.
 */
export function skipUnreachable(
  dht: SingleKadDHT,
  { connectionManager }: Pick<KadDHTComponents, 'connectionManager'>
): SingleKadDHT {
  requireMembers('@libp2p/kad-dht', dht, ['network.sendRequest()', 'network.sendMessage()'])
  const { network } = dht as unknown as { network: Network }
  /** The end of each server's rest, by `performance.now()`. */
  const resting = new QuickLRU<string, number>({ maxSize: MAX_RESTING })
  const isConnected = (peer: PeerId): boolean => connectionManager.getConnections(peer).length > 0
  const sparing = (send: Send): Send =>
    async function* (to, message, options) {
      const peer = to.toString()
      if (!isConnected(to) && (resting.get(peer) ?? 0) > performance.now()) return
      for await (const event of send(to, message, options)) {
        if (event.name === 'QUERY_ERROR' && options.signal?.aborted !== true && !isConnected(to))
          resting.set(peer, performance.now() + REST_MS)
        yield event
      }
    }
  network.sendRequest = sparing(network.sendRequest.bind(network))
  network.sendMessage = sparing(network.sendMessage.bind(network))
  return dht
}
