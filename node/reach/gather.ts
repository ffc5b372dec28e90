import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { Candidate, Endpoint } from '../../protocols/index.ts'
import { globalAddress, localAddresses } from '../addresses/index.ts'
import { SOCKET_BUFFER_BYTES } from './constants.ts'
import { StunError } from './errors.ts'
import { askStunTcp, askStunUdp } from './stun/client.ts'
import type { StunServers } from './stun/directory.ts'

/** A socket whose outside is known. */
export interface UdpEnd {
  socket: UdpSocket
  endpoint: Endpoint
  /** Whether a path uses the socket, so that it stays open. */
  kept?: boolean
}

/** A local port whose outside is known. */
export interface TcpEnd {
  port: number
  endpoint: Endpoint
  /** The address to connect from, where it matters. */
  address?: string
  /** Its connection keeps the NAT's mapping; IPv6 needs none. */
  probe?: Socket
}

/** This node's ends for one attempt. The caller of `gather` closes them. */
export interface Ends {
  udp?: UdpEnd
  tcp?: TcpEnd
  udp6?: UdpEnd
  tcp6?: TcpEnd
}

export interface GatherOptions {
  /** The ends that are wanted. */
  wanted: readonly (keyof Ends)[]
  signal: AbortSignal
}

/** Opens sockets and asks how they look from outside; what STUN does not answer for is left out. */
export async function gather(servers: StunServers, { wanted, signal }: GatherOptions): Promise<Ends> {
  const address = globalAddress()
  const ends: Ends = {}
  const open = async <K extends keyof Ends>(
    kind: K,
    possible: boolean,
    opening: () => Promise<NonNullable<Ends[K]>>
  ): Promise<void> => {
    if (!possible || !wanted.includes(kind)) return
    try {
      ends[kind] = await opening()
    } catch {
      // The others may do.
    }
  }
  await Promise.all([
    open('udp', servers.udp.length > 0, () => gatherUdp(servers, signal)),
    open('tcp', servers.tcp.length > 0, () => gatherTcp(servers, signal)),
    open('udp6', address !== undefined, () => gatherUdp6(address ?? '')),
    open('tcp6', address !== undefined, () => gatherTcp6(address ?? ''))
  ])
  return ends
}

/** Closes what no path came of. */
export function closeEnds({ udp, tcp, udp6 }: Ends): void {
  for (const end of [udp, udp6]) if (end !== undefined && end.kept !== true) close(end.socket)
  // Reset, not closed: nothing may linger on the port. Where the server was the first to close, nothing does, and
  // Node would not close what it can no longer reset.
  if (tcp?.probe?.writableEnded === true) tcp.probe.destroy()
  else tcp?.probe?.resetAndDestroy()
}

/** An open UDP socket on any port, of all IPv4 addresses or of one of IPv6. */
export async function openUdp(address?: string): Promise<UdpSocket> {
  const socket = createSocket({ type: address === undefined ? 'udp4' : 'udp6' })
  try {
    socket.bind(0, address)
    await once(socket, 'listening')
  } catch (err) {
    close(socket)
    throw err
  }
  // An unreachable address is no reason to fall: the other addresses may be good.
  socket.on('error', () => undefined)
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
    widen(socket)
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

/** A socket with an IPv6 address of this machine: no NAT changes it. */
async function gatherUdp6(address: string): Promise<UdpEnd> {
  const socket = await openUdp(address)
  widen(socket)
  return { socket, endpoint: endpointOf6({ address, port: socket.address().port }) }
}

/** A port with an IPv6 address of this machine that was free a moment ago. */
async function gatherTcp6(address: string): Promise<TcpEnd> {
  const server = createServer()
  server.listen(0, address)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return { port, address, endpoint: endpointOf6({ address, port }) }
}

function widen(socket: UdpSocket): void {
  socket.setRecvBufferSize(SOCKET_BUFFER_BYTES)
  socket.setSendBufferSize(SOCKET_BUFFER_BYTES)
}

/** Where an IPv6 socket is reached: at its own address. */
export function endpointOf6(candidate: Candidate): Endpoint {
  return { observed: [candidate], local: [], mapping: 'stable' }
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
