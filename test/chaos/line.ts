import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A network line to one port: passes bytes on, until it is cut or goes silent. */
export class Line {
  readonly #to: number
  readonly #sockets = new Set<Socket>()
  readonly #server: Server
  #state: 'open' | 'cut' | 'silent' = 'open'

  private constructor(to: number) {
    this.#to = to
    this.#server = createServer((socket) => this.#join(socket))
  }

  static async start(to: number): Promise<Line> {
    const line = new Line(to)
    line.#server.listen(0, '127.0.0.1')
    await once(line.#server, 'listening')
    return line
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Resets what is connected; nothing connects. */
  cut(): void {
    this.#state = 'cut'
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Nothing arrives any more, and nothing is said of it. */
  silence(): void {
    this.#state = 'silent'
    for (const socket of this.#sockets) socket.pause()
  }

  open(): void {
    // Data held back by a silent line arrives late, as on a real one.
    for (const socket of this.#sockets) socket.resume()
    this.#state = 'open'
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(near: Socket): void {
    if (this.#state === 'cut') {
      near.resetAndDestroy()
      return
    }
    const far = connect({ port: this.#to, host: '127.0.0.1' })
    for (const [from, to] of [
      [near, far],
      [far, near]
    ] as const) {
      this.#sockets.add(from)
      from.setNoDelay(true)
      from.on('error', () => undefined)
      from.on('close', () => {
        this.#sockets.delete(from)
        if (this.#state !== 'silent') to.destroy()
      })
      from.on('end', () => to.end())
      from.on('data', (bytes: Buffer) => {
        if (!to.write(bytes)) from.pause()
      })
      to.on('drain', () => {
        if (this.#state !== 'silent') from.resume()
      })
      if (this.#state === 'silent') from.pause()
    }
  }
}
