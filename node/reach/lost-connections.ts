import type { Connection, Libp2p, PeerId } from '@libp2p/interface'

/** A round trip on any connection. */
const PING_PROTOCOL = '/ipfs/ping/1.0.0'

/** Longest wait for the answer on a connection that is doubted, in milliseconds. */
const ANSWER_TIMEOUT_MS = 3000

/** Earlier connections of a peer that one round asks, the latest ones: a peer rarely has two. */
const MAX_DOUBTED = 4

/**
 * Closes what a peer has lost before this node notices. A connected peer does not dial: one that dials again has lost
 * its connection, as by another public address, or by a NAT that forgot. libp2p's monitor takes 20 s to see that here,
 * and a relay would send those who ask for the peer on the dead connection until then. A peer that dials again and
 * again has its connections asked once in three seconds, a few of them.
 */
export function closeLost(libp2p: Libp2p): void {
  /** Peers whose connections are being asked, and whether they have dialled since. */
  const doubted = new Map<string, { again: boolean }>()
  const doubt = (peer: PeerId, newest: Connection): void => {
    const known = doubted.get(peer.toString())
    if (known !== undefined) known.again = true
    else {
      const earlier = libp2p
        .getConnections(peer)
        .filter((connection) => connection.id !== newest.id && isDialledBy(connection))
      if (earlier.length === 0) return
      const round = { again: false }
      doubted.set(peer.toString(), round)
      for (const connection of earlier.slice(-MAX_DOUBTED)) void closeUnlessAnswered(connection)
      setTimeout(() => {
        doubted.delete(peer.toString())
        const [latest] = libp2p.getConnections(peer).filter(isDialledBy).slice(-1)
        if (round.again && latest !== undefined) doubt(peer, latest)
      }, ANSWER_TIMEOUT_MS).unref()
    }
  }
  libp2p.addEventListener('connection:open', ({ detail: opened }) => {
    if (isDialledBy(opened)) doubt(opened.remotePeer, opened)
  })
}

/** Whether the peer dialled, and not through a relay, behind which a better connection is made. */
function isDialledBy({ direction, remoteAddr, status }: Connection): boolean {
  return direction === 'inbound' && status === 'open' && !remoteAddr.toString().includes('/p2p-circuit')
}

async function closeUnlessAnswered(connection: Connection): Promise<void> {
  const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
  try {
    const stream = await connection.newStream(PING_PROTOCOL, { signal })
    await stream.close({ signal })
  } catch (err) {
    // Any other failure is an answer, too.
    if (signal.aborted)
      connection.abort(err instanceof Error ? err : new DOMException('No answer', 'TimeoutError'))
  }
}
