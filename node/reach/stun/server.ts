import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { Libp2p, Logger, Startable } from '@libp2p/interface'
import { STUN_PROTOCOL, tellStunPorts } from '../../../protocols/index.ts'
import { bindingResponse, STUN_HEADER_BYTES } from './message.ts'

/** Port of a relay that listens on ports below 1024 only. */
const DEFAULT_STUN_PORT = 17_478

/** Requests answered in one second, over all ports. */
const MAX_PER_SECOND = 200

/** Of these, for one address: a household's peers that punch at once. */
const MAX_PER_ADDRESS = 20

/** TCP connections held at once; each is one peer that is punching. */
const MAX_CONNECTIONS = 512

/** Of these, from one address: its attempts of the last seconds. */
const MAX_CONNECTIONS_PER_ADDRESS = 32

/** How long a TCP connection is held, in milliseconds: an attempt takes 16 s at most. */
const CONNECTION_MS = 20_000

export interface StunServerInit {
  /** UDP and TCP port; the second UDP port is the next one. 0 takes any free ones. */
  port: number
  /** @default all addresses */
  host?: string
}

export interface StunServerComponents {
  libp2p: Pick<Libp2p, 'handle' | 'unhandle'>
  log: Logger
  /** Milliseconds since 1970. */
  now: () => number
}

/** Tells peers how their sockets look from outside, and tells over libp2p where to ask that. */
export class StunServer implements Startable {
  readonly #init: StunServerInit
  readonly #components: StunServerComponents
  #udp: UdpSocket[] = []
  #tcp: Server | undefined
  readonly #connections = new Set<Socket>()
  #second = 0
  #answered = 0
  /** Requests of this second, by address. */
  readonly #asked = new Map<string, number>()

  constructor(init: StunServerInit, components: StunServerComponents) {
    this.#init = init
    this.#components = components
  }

  async start(): Promise<void> {
    if (this.#tcp !== undefined) return
    const { port, host = '0.0.0.0' } = this.#init
    const tcp = createServer(this.#onConnection)
    tcp.maxConnections = MAX_CONNECTIONS
    this.#tcp = tcp
    try {
      tcp.listen(port, host)
      await once(tcp, 'listening')
      for (const udpPort of [port, port === 0 ? 0 : port + 1]) {
        const socket = createSocket('udp4')
        this.#udp.push(socket)
        socket.on('message', (message, from) => {
          const response = this.#allows(from.address) ? bindingResponse(message, from) : undefined
          if (response !== undefined) socket.send(response, from.port, from.address, () => undefined)
        })
        socket.bind(udpPort, host)
        await once(socket, 'listening')
      }
      await this.#components.libp2p.handle(STUN_PROTOCOL, (stream) => {
        void tellStunPorts(stream, this.ports()).catch((err: unknown) => {
          this.#components.log('a peer was not told of the STUN ports - %e', err)
        })
      })
    } catch (err) {
      await this.stop()
      throw err
    }
  }

  async stop(): Promise<void> {
    if (this.#tcp === undefined) return
    await this.#components.libp2p.unhandle(STUN_PROTOCOL)
    for (const socket of this.#udp.splice(0)) socket.close()
    for (const socket of this.#connections) socket.destroy()
    const tcp = this.#tcp
    this.#tcp = undefined
    if (tcp.listening) await new Promise((resolve) => tcp.close(resolve))
  }

  /** The ports that are listened on. */
  ports(): { udp: number[]; tcp?: number } {
    const address = this.#tcp?.address()
    return {
      udp: this.#udp.map((socket) => socket.address().port),
      ...(typeof address === 'object' && address !== null ? { tcp: address.port } : {})
    }
  }

  readonly #onConnection = (socket: Socket): void => {
    const { remoteAddress } = socket
    const held = [...this.#connections].filter((other) => other.remoteAddress === remoteAddress).length
    if (held >= MAX_CONNECTIONS_PER_ADDRESS) {
      socket.destroy()
      return
    }
    this.#connections.add(socket)
    const timer = setTimeout(() => socket.destroy(), CONNECTION_MS)
    socket.on('close', () => {
      clearTimeout(timer)
      this.#connections.delete(socket)
    })
    socket.on('error', () => socket.destroy())
    let received = Buffer.alloc(0)
    socket.on('data', (data) => {
      received = Buffer.concat([received, data])
      if (received.length < STUN_HEADER_BYTES) return
      const { remoteAddress: address = '', remotePort: port = 0 } = socket
      const response = this.#allows(address) ? bindingResponse(received, { address, port }) : undefined
      if (response === undefined) socket.destroy()
      else socket.write(response)
      received = Buffer.alloc(0)
    })
  }

  #allows(address: string): boolean {
    const second = Math.floor(this.#components.now() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#answered = 0
      this.#asked.clear()
    }
    const asked = (this.#asked.get(address) ?? 0) + 1
    // Requests over the total budget are not counted per address, so the map stays small.
    if (asked > MAX_PER_ADDRESS || this.#answered >= MAX_PER_SECOND) return false
    this.#asked.set(address, asked)
    this.#answered++
    return true
  }
}

/**
 * The port of a relay's STUN server when none is set: the one after all ports that it listens on, or any free
 * one.
 */
export function stunPortFor(listen: string[]): number {
  const ports = listen.map((address) => Number(/\/(?:tcp|udp)\/(\d+)/.exec(address)?.[1] ?? 0))
  const last = Math.max(0, ...ports)
  if (last === 0) return 0
  // Ports below 1024 are never told to anybody; the second UDP port is one more.
  return last < 1024 || last > 65_533 ? DEFAULT_STUN_PORT : last + 1
}
