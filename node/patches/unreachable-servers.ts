import type { PeerId } from '@libp2p/interface'
import type { KadDHTComponents, QueryEvent, SingleKadDHT } from '@libp2p/kad-dht'

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
  const { network } = dht as unknown as { network: Network }
  /** Until when, by `performance.now()`; the latest is the last. */
  const resting = new Map<string, number>()
  const isConnected = (peer: PeerId): boolean => connectionManager.getConnections(peer).length > 0
  const rest = (peer: string): void => {
    resting.delete(peer)
    resting.set(peer, performance.now() + REST_MS)
    const [oldest] = resting.keys()
    if (resting.size > MAX_RESTING && oldest !== undefined) resting.delete(oldest)
  }
  const sparing = (send: Send): Send =>
    async function* (to, message, options) {
      const peer = to.toString()
      if (!isConnected(to) && (resting.get(peer) ?? 0) > performance.now()) return
      for await (const event of send(to, message, options)) {
        if (event.name === 'QUERY_ERROR' && options.signal?.aborted !== true && !isConnected(to)) rest(peer)
        yield event
      }
    }
  network.sendRequest = sparing(network.sendRequest.bind(network))
  network.sendMessage = sparing(network.sendMessage.bind(network))
  return dht
}
