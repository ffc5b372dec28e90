import { AsyncLocalStorage } from 'node:async_hooks'
import type { CircuitRelayService } from '@libp2p/circuit-relay-v2'
import type { Connection, Stream } from '@libp2p/interface'
import { requireMembers } from './members.ts'

/** Takes the stream to a circuit's other end. */
export type JoinCircuit = (other: Stream, otherPeer: string) => void

/** Takes the stream by which a peer asks for a circuit; without a result, the circuit is refused. */
export type OpenCircuit = (stream: Stream, peer: string) => JoinCircuit | undefined

/** Missing from the public type of the relay's service. */
interface Hops {
  onHop(stream: Stream, connection: Connection): Promise<void>
  stopHop(options: { connection: Connection }, rest: object): Promise<Stream | undefined>
}

/** Shows both ends of each of the relay's circuits to `open`, which refuses a circuit by aborting its stream. */
export function watchCircuits(relay: CircuitRelayService, open: OpenCircuit): void {
  requireMembers('@libp2p/circuit-relay-v2', relay, ['onHop()', 'stopHop()'])
  const hops = relay as CircuitRelayService & Hops
  // Tells which circuit a stream to another end is for.
  const current = new AsyncLocalStorage<JoinCircuit>()
  const [onHop, stopHop] = [hops.onHop.bind(hops), hops.stopHop.bind(hops)]
  hops.onHop = async (stream, connection) => {
    const join = open(stream, connection.remotePeer.toString())
    if (join !== undefined) await current.run(join, () => onHop(stream, connection))
  }
  hops.stopHop = async (options, rest) => {
    const stream = await stopHop(options, rest)
    if (stream !== undefined) current.getStore()?.(stream, options.connection.remotePeer.toString())
    return stream
  }
}
