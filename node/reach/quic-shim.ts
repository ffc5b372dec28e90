import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { IDLE_PATH_MS, SOCKET_BUFFER_BYTES } from './constants.ts'
import { close } from './gather.ts'
import { isPunchPacket, type UdpPath } from './udp-punch.ts'

export interface QuicShimInit {
  path: UdpPath
  token: Buffer
  /** The QUIC listener on loopback; without one, who sends first there is served. */
  listener?: number
}

/**
 * Carries QUIC's packets between a punched path and a socket on loopback: the QUIC transport cannot be given a
 * socket. It does not look into the packets: QUIC greases all that could tell them.
 */
export class QuicShim {
  /** Resolves when the path has been silent for too long, or was closed. */
  readonly closed: Promise<void>
  readonly #init: QuicShimInit
  readonly #loopback = createSocket('udp4')
  readonly #listening: Promise<unknown>
  readonly #idle: NodeJS.Timeout
  readonly #closed = Promise.withResolvers<void>()
  #local: number | undefined
  #heard = true

  constructor(init: QuicShimInit) {
    this.#init = init
    this.#local = init.listener
    this.closed = this.#closed.promise
    this.#listening = Promise.race([once(this.#loopback, 'listening'), this.closed])
    this.#loopback.on('error', () => this.close())
    this.#loopback.bind(0, '127.0.0.1')
    this.#loopback.on('message', this.#onLocal)
    init.path.socket.on('message', this.#onRemote)
    // Packets sent while the socket is being bound wait for it.
    if (init.path.first !== undefined) this.#toLocal(init.path.first)
    this.#idle = setInterval(() => {
      if (!this.#heard) this.close()
      this.#heard = false
    }, IDLE_PATH_MS)
  }

  /** The port on loopback, once bound. */
  async port(): Promise<number> {
    await this.#listening
    this.#loopback.setRecvBufferSize(SOCKET_BUFFER_BYTES)
    return this.#loopback.address().port
  }

  close(): void {
    clearInterval(this.#idle)
    this.#init.path.socket.off('message', this.#onRemote)
    close(this.#init.path.socket)
    close(this.#loopback)
    this.#closed.resolve()
  }

  readonly #onLocal = (message: Buffer, from: RemoteInfo): void => {
    this.#local ??= from.port
    if (from.port !== this.#local) return
    const { socket, remote } = this.#init.path
    socket.send(message, remote.port, remote.address, () => undefined)
  }

  readonly #onRemote = (message: Buffer, from: RemoteInfo): void => {
    const { remote } = this.#init.path
    if (from.port !== remote.port || from.address !== remote.address) return
    if (isPunchPacket(message, this.#init.token)) return
    this.#heard = true
    this.#toLocal(message)
  }

  #toLocal(message: Buffer): void {
    if (this.#local !== undefined) this.#loopback.send(message, this.#local, '127.0.0.1', () => undefined)
  }
}
