import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Candidate, Endpoint } from '../../protocols/index.ts'
import { localAddresses } from './address.ts'
import { SOCKET_BUFFER_BYTES } from './constants.ts'
import { StunError } from './errors.ts'
import { askStunTcp, askStunUdp } from './stun/client.ts'
import type { StunServers } from './stun/directory.ts'

/** A socket whose outside is known. */
export interface UdpEnd {
  socket: UdpSocket
  endpoint: Endpoint
}

/** A local port whose outside is known; the probe's connection keeps it so. */
export interface TcpEnd {
  port: number
  endpoint: Endpoint
  probe: Socket
}

/** This node's ends for one attempt. Who gathered closes them. */
export interface Ends {
  udp?: UdpEnd
  tcp?: TcpEnd
}

export interface GatherOptions {
  udp: boolean
  tcp: boolean
  signal: AbortSignal
}

/** Opens sockets and asks how they look from outside; what STUN does not answer for is left out. */
export async function gather(servers: StunServers, options: GatherOptions): Promise<Ends> {
  const [udp, tcp] = await Promise.all([
    options.udp && servers.udp.length > 0
      ? gatherUdp(servers, options.signal).catch(() => undefined)
      : undefined,
    options.tcp && servers.tcp.length > 0
      ? gatherTcp(servers, options.signal).catch(() => undefined)
      : undefined
  ])
  return { ...(udp === undefined ? {} : { udp }), ...(tcp === undefined ? {} : { tcp }) }
}

/** Closes what no path came of. */
export function closeEnds({ udp, tcp }: Ends, kept?: UdpSocket): void {
  if (udp !== undefined && udp.socket !== kept) close(udp.socket)
  // Reset, not closed: nothing may linger on the port. Where the server was the first to close, nothing does, and
  // Node would not close what it can no longer reset.
  if (tcp?.probe.writableEnded === true) tcp.probe.destroy()
  else tcp?.probe.resetAndDestroy()
}

/** An open UDP socket on any port. */
export async function openUdp(): Promise<UdpSocket> {
  const socket = createSocket({ type: 'udp4' })
  // An unreachable address is no reason to fall: the other addresses may be good.
  socket.on('error', () => undefined)
  socket.bind(0)
  await once(socket, 'listening')
  return socket
}

/** Closes a socket that may be closed. */
export function close(socket: UdpSocket): void {
  try {
    socket.close()
  } catch {
    // It was closed before.
  }
}

async function gatherUdp({ udp }: StunServers, signal: AbortSignal): Promise<UdpEnd> {
  const socket = await openUdp()
  try {
    socket.setRecvBufferSize(SOCKET_BUFFER_BYTES)
    socket.setSendBufferSize(SOCKET_BUFFER_BYTES)
    const answers = await Promise.allSettled(udp.map((server) => askStunUdp(socket, server, signal)))
    const observed = unique(
      answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    )
    const endpoint = endpointOf(observed, socket.address().port)
    return { socket, endpoint }
  } catch (err) {
    close(socket)
    throw err
  }
}

async function gatherTcp({ tcp }: StunServers, signal: AbortSignal): Promise<TcpEnd> {
  const [server] = tcp
  if (server === undefined) throw new StunError()
  const { observed, socket } = await askStunTcp(server, signal)
  const port = socket.localPort ?? 0
  return { port, endpoint: endpointOf([observed], port), probe: socket }
}

function endpointOf(observed: Candidate[], port: number): Endpoint {
  const [first] = observed
  if (first === undefined) throw new StunError()
  return {
    // Behind several outer addresses nothing can be punched; one is told, as the protocol wants it.
    observed: observed.filter(({ address }) => address === first.address).slice(0, 4),
    local: localAddresses().map((address) => ({ address, port })),
    mapping: observed.length > 1 ? 'symmetric' : 'stable'
  }
}

function unique(candidates: Candidate[]): Candidate[] {
  return [
    ...new Map(candidates.map((candidate) => [`${candidate.address}:${candidate.port}`, candidate])).values()
  ]
}
