import { randomInt } from 'node:crypto'
import type { RemoteInfo, Socket } from 'node:dgram'
import { MAX_PROBES, type Candidate, type Endpoint } from '../../protocols/index.ts'
import { addressesToTry, observedAddress, onOneNetwork } from './address.ts'
import {
  EXTRA_EVERY,
  EXTRA_SOCKETS,
  LOW_TTL,
  PORTS_PER_INTERVAL,
  PROBE_INTERVAL_MS,
  USUAL_TTL
} from './constants.ts'
import { NoPathError } from './errors.ts'
import { close, openUdp, type UdpEnd } from './gather.ts'

const PROBE = 1
const REPLY = 2

/** A socket, and the address at which the peer answers on it. */
export interface UdpPath {
  socket: Socket
  remote: Candidate
  /** The first packet that came on it, for the responder. */
  first?: Buffer
}

export interface UdpPunchInit {
  role: 'initiator' | 'responder'
  mine: UdpEnd
  theirs: Endpoint
  /** Known to the two peers only. */
  token: Buffer
  signal: AbortSignal
}

/** Whether a packet belongs to punching: such packets may still come when the path is in use. */
export function isPunchPacket(message: Buffer, token: Buffer): boolean {
  return message.length === token.length + 1 && message.subarray(1).equals(token)
}

/** Finds a path by UDP; see `protocols/punch/README.md`. Throws NoPathError when the signal aborts first. */
export async function punchUdp(init: UdpPunchInit): Promise<UdpPath> {
  const puncher = new UdpPuncher(init)
  return await puncher.run()
}

class UdpPuncher {
  readonly #init: UdpPunchInit
  readonly #probe: Buffer
  readonly #reply: Buffer
  readonly #addresses: Candidate[]
  /** Random ports of this address are probed, where that may help. */
  readonly #guessAt: string | undefined
  readonly #guessed = new Set<number>()
  readonly #listeners = new Map<Socket, (message: Buffer, from: RemoteInfo) => void>()
  /** Where good probes came from. */
  readonly #proven = new Set<string>()
  readonly #found = Promise.withResolvers<UdpPath>()
  #sent = 0
  #intervals = 0

  constructor(init: UdpPunchInit) {
    this.#init = init
    this.#probe = Buffer.concat([Buffer.from([PROBE]), init.token])
    this.#reply = Buffer.concat([Buffer.from([REPLY]), init.token])
    this.#addresses = addressesToTry(init.mine.endpoint, init.theirs)
    this.#guessAt =
      this.#birthday && init.theirs.mapping === 'symmetric' ? observedAddress(init.theirs) : undefined
  }

  async run(): Promise<UdpPath> {
    const { mine, signal } = this.#init
    const onAbort = (): void =>
      this.#found.reject(new NoPathError(`No path after ${this.#sent} packets by UDP`))
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted || this.#addresses.length === 0) onAbort()
    this.#listen(mine.socket)
    const timer = setInterval(() => this.#round(), PROBE_INTERVAL_MS)
    this.#round()
    let path: UdpPath | undefined
    try {
      if (this.#birthday && mine.endpoint.mapping === 'symmetric') void this.#openExtra()
      path = await this.#found.promise
      path.socket.setTTL(USUAL_TTL)
      return path
    } finally {
      clearInterval(timer)
      signal.removeEventListener('abort', onAbort)
      for (const [socket, listener] of this.#listeners) {
        socket.off('message', listener)
        if (socket !== path?.socket && socket !== mine.socket) close(socket)
      }
      this.#listeners.clear()
    }
  }

  /** Whether one side has to guess: exactly one mapping is symmetric, and no network is shared. */
  get #birthday(): boolean {
    const { mine, theirs } = this.#init
    return mine.endpoint.mapping !== theirs.mapping && !onOneNetwork(mine.endpoint, theirs)
  }

  #round(): void {
    const { mine } = this.#init
    for (const to of this.#addresses) this.#send(mine.socket, this.#probe, to)
    if (this.#guessAt !== undefined) this.#guess(this.#guessAt)
    if (this.#intervals++ % EXTRA_EVERY !== 0) return
    const [to] = this.#addresses
    for (const socket of this.#listeners.keys()) {
      if (socket !== mine.socket && to !== undefined) this.#send(socket, this.#probe, to)
    }
  }

  #guess(address: string): void {
    for (let n = 0; n < PORTS_PER_INTERVAL && this.#guessed.size < MAX_PROBES; n++) {
      const port = randomInt(1024, 65_536)
      if (this.#guessed.has(port)) continue
      this.#guessed.add(port)
      this.#send(this.#init.mine.socket, this.#probe, { address, port })
    }
  }

  async #openExtra(): Promise<void> {
    const [to] = this.#addresses
    for (let n = 0; n < EXTRA_SOCKETS && to !== undefined; n++) {
      const socket = await openUdp().catch(() => undefined)
      if (socket === undefined) return
      if (this.#listeners.size === 0) return close(socket)
      socket.setTTL(LOW_TTL)
      this.#listen(socket)
      this.#send(socket, this.#probe, to)
    }
  }

  #listen(socket: Socket): void {
    const listener = (message: Buffer, from: RemoteInfo): void => this.#onMessage(socket, message, from)
    this.#listeners.set(socket, listener)
    socket.on('message', listener)
  }

  #onMessage(socket: Socket, message: Buffer, from: RemoteInfo): void {
    const { role, token, mine } = this.#init
    const remote = { address: from.address, port: from.port }
    if (!isPunchPacket(message, token)) {
      const proven = this.#proven.has(pathKey(socket, remote))
      if (role === 'responder' && proven) this.#found.resolve({ socket, remote, first: message })
      return
    }
    if (socket !== mine.socket) socket.setTTL(USUAL_TTL)
    if (message[0] === PROBE) {
      if (role === 'responder') this.#proven.add(pathKey(socket, remote))
      // Not counted: one packet for one that came, and it may be the one that matters.
      transmit(socket, role === 'responder' ? this.#reply : this.#probe, remote)
    } else if (role === 'initiator') {
      this.#found.resolve({ socket, remote })
    }
  }

  #send(socket: Socket, packet: Buffer, to: Candidate): void {
    if (this.#sent >= MAX_PROBES) return
    this.#sent++
    transmit(socket, packet, to)
  }
}

function transmit(socket: Socket, packet: Buffer, { address, port }: Candidate): void {
  // Sending to one address may fail while another works.
  socket.send(packet, port, address, () => undefined)
}

function pathKey(socket: Socket, { address, port }: Candidate): string {
  return `${socket.address().port} ${address}:${port}`
}
