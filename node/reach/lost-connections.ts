import type { Connection, Libp2p } from '@libp2p/interface'

/** A round trip on any connection. */
const PING_PROTOCOL = '/ipfs/ping/1.0.0'

/** Longest wait for the answer on a connection that is doubted, in milliseconds. */
const ANSWER_TIMEOUT_MS = 3000

/**
 * Closes what a peer has lost before this node notices. Who is connected does not dial: a peer that dials again has
 * lost its connection, as by another public address, or by a NAT that forgot. libp2p's monitor takes 20 s to see
 * that here, and a relay would send those who ask for the peer on the dead connection until then.
 */
export function closeLost(libp2p: Libp2p): void {
  libp2p.addEventListener('connection:open', ({ detail: opened }) => {
    if (!isDialledBy(opened)) return
    for (const connection of libp2p.getConnections(opened.remotePeer)) {
      if (connection.id !== opened.id && isDialledBy(connection)) void closeUnlessAnswered(connection)
    }
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
