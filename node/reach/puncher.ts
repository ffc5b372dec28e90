import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Connection, Libp2p, Logger, Startable, Stream } from '@libp2p/interface'
import {
  PUNCH_PROTOCOL,
  PUNCH_TIMEOUT_MS,
  TOKEN_BYTES,
  acceptPunch,
  openPunch,
  proposePunch,
  type Candidate,
  type PunchAnswer,
  type PunchOffer
} from '../../protocols/index.ts'
import { MAX_ANSWERED } from './constants.ts'
import type { Doors } from './doors.ts'
import { NoPathError } from './errors.ts'
import { closeEnds, gather, type Ends } from './gather.ts'
import { isRelayed, PunchedPaths } from './path.ts'
import { QuicShim } from './quic-shim.ts'
import type { StunServers } from './stun/directory.ts'
import { connectTcp, dialTcp, spliceTcp } from './tcp-punch.ts'
import { punchUdp, type UdpPath } from './udp-punch.ts'

export interface PuncherComponents {
  libp2p: Pick<Libp2p, 'handle' | 'unhandle'>
  doors: Doors
  stun: { servers(): StunServers }
  log: Logger
}

/** Makes direct connections through NATs, from this side and for peers that ask: `/lobstah/punch/1.0.0`. */
export class Puncher implements Startable {
  /** Connections made so, by what libp2p takes for their remote address. */
  readonly paths = new PunchedPaths()
  readonly #components: PuncherComponents
  readonly #shims = new Set<QuicShim>()
  readonly #sockets = new Set<Socket>()
  readonly #answering = new Map<string, Promise<void>>()
  #stopped: AbortController | undefined

  constructor(components: PuncherComponents) {
    this.#components = components
  }

  async start(): Promise<void> {
    if (this.#stopped !== undefined) return
    this.#stopped = new AbortController()
    await this.#components.libp2p.handle(PUNCH_PROTOCOL, this.#onStream, {
      runOnLimitedConnection: true,
      maxInboundStreams: 2
    })
  }

  async stop(): Promise<void> {
    if (this.#stopped === undefined) return
    await this.#components.libp2p.unhandle(PUNCH_PROTOCOL)
    this.#stopped.abort()
    await Promise.all(this.#answering.values())
    for (const shim of this.#shims) shim.close()
    for (const socket of this.#sockets) socket.destroy()
    this.#stopped = undefined
  }

  /** Makes a direct connection to the peer of a relayed one. Throws NoPathError and what streams throw. */
  async initiate(relayed: Connection, options: { signal: AbortSignal }): Promise<Connection> {
    const { doors, stun } = this.#components
    const { signal } = options
    const tokens = randomBytes(TOKEN_BYTES)
    const [opened, gathered] = await Promise.allSettled([
      openPunch(relayed, { signal }),
      gather(stun.servers(), { udp: doors.has('quic'), tcp: doors.has('tcp'), signal })
    ])
    const ends = gathered.status === 'fulfilled' ? gathered.value : {}
    let kept: UdpPath['socket'] | undefined
    try {
      if (opened.status === 'rejected') throw opened.reason
      const stream = opened.value
      try {
        if (ends.udp === undefined && ends.tcp === undefined) throw new NoPathError('No STUN server answers')
        const offer: PunchOffer = { type: 'offer', token: tokens.toString('hex'), ...endpointsOf(ends) }
        const answer = await proposePunch(stream, offer, { signal })
        const connection = await this.#race(
          ends,
          answer,
          relayed,
          tokens,
          signal,
          (socket) => (kept = socket)
        )
        await stream.close({ signal })
        return connection
      } catch (err) {
        stream.abort(err instanceof Error ? err : new NoPathError())
        throw err
      }
    } finally {
      closeEnds(ends, kept)
    }
  }

  /** Both ways at once; the first connection wins. */
  async #race(
    ends: Ends,
    answer: PunchAnswer,
    relayed: Connection,
    token: Buffer,
    stopped: AbortSignal,
    keep: (socket: UdpPath['socket']) => void
  ): Promise<Connection> {
    const won = new AbortController()
    const signal = AbortSignal.any([stopped, won.signal, AbortSignal.timeout(PUNCH_TIMEOUT_MS)])
    const ways: Promise<Connection>[] = []
    const { udp, tcp } = ends
    if (udp !== undefined && answer.udp !== undefined) {
      const init = { role: 'initiator', mine: udp, theirs: answer.udp, token, signal } as const
      ways.push(
        punchUdp(init).then((path) => {
          keep(path.socket)
          return this.#dialQuic(path, relayed, token, signal)
        })
      )
    }
    if (tcp !== undefined && answer.tcp !== undefined) {
      ways.push(
        dialTcp({ mine: tcp, theirs: answer.tcp, signal }, relayed.remotePeer, this.#components.doors)
      )
    }
    try {
      const connection = await Promise.any(ways)
      this.paths.add(connection)
      return connection
    } catch (err) {
      throw new NoPathError(undefined, { cause: err })
    } finally {
      won.abort()
    }
  }

  async #dialQuic(
    path: UdpPath,
    relayed: Connection,
    token: Buffer,
    signal: AbortSignal
  ): Promise<Connection> {
    const shim = this.#carry(path, token)
    try {
      const port = await shim.port()
      this.paths.set('udp', port, path.remote, shim.closed)
      const connection = await this.#components.doors.dial(
        'quic',
        { address: '127.0.0.1', port },
        relayed.remotePeer,
        {
          signal
        }
      )
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

  readonly #onStream = (stream: Stream, connection: Connection): void => {
    const peer = connection.remotePeer.toString()
    if (!isRelayed(connection) || this.#answering.has(peer) || this.#answering.size >= MAX_ANSWERED) {
      stream.abort(new NoPathError('Not now'))
      return
    }
    const answering = this.#answer(stream, peer)
      .catch((err: unknown) => {
        this.#components.log('no direct path for %s - %e', peer, err)
        stream.abort(err instanceof Error ? err : new NoPathError())
      })
      .finally(() => this.#answering.delete(peer))
    this.#answering.set(peer, answering)
  }

  async #answer(stream: Stream, peer: string): Promise<void> {
    const { doors, stun } = this.#components
    const over = new AbortController()
    const onOver = (): void => over.abort(new NoPathError('The initiator is done'))
    stream.addEventListener('close', onOver)
    const signal = AbortSignal.any([
      over.signal,
      ...(this.#stopped === undefined ? [] : [this.#stopped.signal])
    ])
    let ends: Ends = {}
    let kept: UdpPath['socket'] | undefined
    try {
      const { offer, answer } = await acceptPunch(
        stream,
        async (offered): Promise<PunchAnswer> => {
          const udp = offered.udp !== undefined && doors.has('quic')
          ends = await gather(stun.servers(), { udp, tcp: offered.tcp !== undefined, signal })
          return { type: 'answer', ...endpointsOf(ends) }
        },
        { signal }
      )
      stream.addEventListener('end', onOver)
      if (stream.readableEnded) onOver()
      const racing = AbortSignal.any([signal, AbortSignal.timeout(PUNCH_TIMEOUT_MS)])
      const ways = await Promise.allSettled([
        this.#awaitUdp(ends, offer, racing, (socket) => (kept = socket)),
        this.#awaitTcp(ends, offer, racing)
      ])
      this.#components.log(
        'punching for %s (%o): %o',
        peer,
        answer,
        ways.map(({ status }) => status)
      )
      await stream.close({ signal: AbortSignal.timeout(1000) })
    } finally {
      closeEnds(ends, kept)
    }
  }

  async #awaitUdp(
    { udp }: Ends,
    offer: PunchOffer,
    signal: AbortSignal,
    keep: (socket: UdpPath['socket']) => void
  ): Promise<void> {
    if (udp === undefined || offer.udp === undefined) throw new NoPathError()
    const token = Buffer.from(offer.token, 'hex')
    const listener = await this.#components.doors.loopback('quic')
    const path = await punchUdp({ role: 'responder', mine: udp, theirs: offer.udp, token, signal })
    keep(path.socket)
    const shim = this.#carry(path, token, listener)
    this.paths.set('udp', await shim.port(), path.remote, shim.closed)
  }

  async #awaitTcp({ tcp }: Ends, offer: PunchOffer, signal: AbortSignal): Promise<void> {
    if (tcp === undefined || offer.tcp === undefined) throw new NoPathError()
    const listener = await this.#components.doors.loopback('tcp')
    const socket = await connectTcp({ mine: tcp, theirs: offer.tcp, signal })
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

function endpointsOf({ udp, tcp }: Ends): Pick<PunchOffer, 'udp' | 'tcp'> {
  return {
    ...(udp === undefined ? {} : { udp: udp.endpoint }),
    ...(tcp === undefined ? {} : { tcp: tcp.endpoint })
  }
}
