import type { Socket } from 'node:net'
import type { Connection, PeerId } from '@libp2p/interface'
import type { Candidate, Endpoint, PunchAnswer, PunchOffer } from '../../protocols/index.ts'
import { onOneNetwork } from './address.ts'
import type { Doors } from './doors.ts'
import { NoPathError } from './errors.ts'
import { endpointOf6, type Ends, type TcpEnd, type UdpEnd } from './gather.ts'
import { PunchedPaths } from './path.ts'
import { QuicShim } from './quic-shim.ts'
import { connectTcp, dialTcp, spliceTcp } from './tcp-punch.ts'
import { punchUdp, type UdpPath } from './udp-punch.ts'

export interface PunchInit {
  mine: Ends
  theirs: Pick<PunchOffer, keyof Ends>
  token: Buffer
  signal: AbortSignal
}

interface Pair<T> {
  mine: T
  theirs: Endpoint
}

/** Punches by all ways that both ends have, side by side, and carries libp2p's connections over what was found. */
export class Ways {
  /** Connections made so, by what libp2p takes for their remote address. */
  readonly paths = new PunchedPaths()
  readonly #doors: Doors
  readonly #shims = new Set<QuicShim>()
  readonly #sockets = new Set<Socket>()

  constructor(doors: Doors) {
    this.#doors = doors
  }

  /** Ends every connection that was made so. */
  close(): void {
    for (const shim of this.#shims) shim.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  /** The ends that this node can make use of. */
  usable(): (keyof Ends)[] {
    return [
      ...(this.#doors.has('quic') ? (['udp', 'udp6'] as const) : []),
      ...(this.#doors.has('tcp') ? (['tcp', 'tcp6'] as const) : [])
    ]
  }

  /** The initiator's part; the first connection wins. Throws NoPathError. */
  async dial(init: PunchInit, peer: PeerId): Promise<Connection> {
    const { token } = init
    const won = new AbortController()
    const signal = AbortSignal.any([init.signal, won.signal])
    const { udp, tcp } = pairs(init)
    try {
      const connection = await Promise.any([
        ...udp.map(async ({ mine, theirs }) => {
          const path = await punchUdp({ role: 'initiator', mine, theirs, token, signal })
          mine.kept = path.socket === mine.socket
          return await this.#dialQuic(path, peer, token, signal)
        }),
        ...tcp.map(({ mine, theirs }) => dialTcp({ mine, theirs, signal }, peer, this.#doors))
      ])
      this.paths.add(connection)
      return connection
    } catch (err) {
      throw new NoPathError(undefined, { cause: err })
    } finally {
      won.abort()
    }
  }

  /** The responder's part; resolves when the signal has aborted, or every way was found, to how many were. */
  async accept(init: PunchInit): Promise<number> {
    const { token, signal } = init
    const { udp, tcp } = pairs(init)
    const ways = await Promise.allSettled([
      ...udp.map(async ({ mine, theirs }) => {
        const listener = await this.#doors.loopback('quic')
        const path = await punchUdp({ role: 'responder', mine, theirs, token, signal })
        mine.kept = path.socket === mine.socket
        const shim = this.#carry(path, token, listener)
        this.paths.set('udp', await shim.port(), path.remote, shim.closed)
      }),
      ...tcp.map(async ({ mine, theirs }) => {
        const listener = await this.#doors.loopback('tcp')
        await this.#join(await connectTcp({ mine, theirs, signal }), listener)
      })
    ])
    return ways.filter(({ status }) => status === 'fulfilled').length
  }

  async #dialQuic(path: UdpPath, peer: PeerId, token: Buffer, signal: AbortSignal): Promise<Connection> {
    const shim = this.#carry(path, token)
    try {
      const port = await shim.port()
      this.paths.set('udp', port, path.remote, shim.closed)
      const connection = await this.#doors.dial('quic', { address: '127.0.0.1', port }, peer, { signal })
      connection.addEventListener('close', () => shim.close(), { once: true })
      return connection
    } catch (err) {
      shim.close()
      throw err
    }
  }

  #carry(path: UdpPath, token: Buffer, listener?: number): QuicShim {
    const shim = new QuicShim({ path, token, ...(listener === undefined ? {} : { listener }) })
    this.#shims.add(shim)
    void shim.closed.then(() => this.#shims.delete(shim))
    return shim
  }

  async #join(socket: Socket, listener: number): Promise<void> {
    this.#sockets.add(socket)
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    socket.on('close', () => {
      this.#sockets.delete(socket)
      resolve()
    })
    const remote: Candidate = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
    this.paths.set('tcp', await spliceTcp(socket, listener), remote, closed)
  }
}

/** The part of this node's ends that the peer is told. */
export function told({ udp, tcp, udp6, tcp6 }: Ends): Pick<PunchAnswer, keyof Ends> {
  const [udpAt] = udp6?.endpoint.observed ?? []
  const [tcpAt] = tcp6?.endpoint.observed ?? []
  return {
    ...(udp === undefined ? {} : { udp: udp.endpoint }),
    ...(tcp === undefined ? {} : { tcp: tcp.endpoint }),
    ...(udpAt === undefined ? {} : { udp6: udpAt }),
    ...(tcpAt === undefined ? {} : { tcp6: tcpAt })
  }
}

/** The ends that both have; on one network IPv4's local addresses do, and show the path for what it is. */
function pairs({ mine, theirs }: PunchInit): { udp: Pair<UdpEnd>[]; tcp: Pair<TcpEnd>[] } {
  const near = [[mine.udp?.endpoint, theirs.udp] as const, [mine.tcp?.endpoint, theirs.tcp] as const].some(
    ([here, there]) => here !== undefined && there !== undefined && onOneNetwork(here, there)
  )
  const [udp6, tcp6] = near ? [undefined, undefined] : [theirs.udp6, theirs.tcp6]
  return {
    udp: [...pair(mine.udp, theirs.udp), ...pair(mine.udp6, udp6 && endpointOf6(udp6))],
    tcp: [...pair(mine.tcp, theirs.tcp), ...pair(mine.tcp6, tcp6 && endpointOf6(tcp6))]
  }
}

function pair<T>(mine: T | undefined, theirs: Endpoint | undefined): Pair<T>[] {
  return mine === undefined || theirs === undefined ? [] : [{ mine, theirs }]
}
