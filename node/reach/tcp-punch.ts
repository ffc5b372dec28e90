import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Connection, PeerId } from '@libp2p/interface'
import type { Candidate, Endpoint } from '../../protocols/index.ts'
import { addressesToTry, onOneNetwork } from './address.ts'
import type { Doors } from './doors.ts'
import { NoPathError } from './errors.ts'
import type { TcpEnd } from './gather.ts'

/** One try's deadline, in milliseconds: the kernel repeats a lost SYN after 1 s. */
const TRY_MS = 3000

export interface TcpPunchInit {
  mine: TcpEnd
  theirs: Endpoint
  signal: AbortSignal
}

/** The initiator's part: dials until a simultaneous open succeeds. Throws NoPathError when the signal aborts. */
export async function dialTcp(
  { mine, theirs, signal }: TcpPunchInit,
  peer: PeerId,
  doors: Doors
): Promise<Connection> {
  return await firstOf(addressesToTry(mine.endpoint, theirs), signal, async (to, stopped) => {
    // The signal stays with the socket: it must not abort once there is a connection.
    const controller = new AbortController()
    const stop = (): void => controller.abort(new NoPathError())
    const timer = setTimeout(stop, TRY_MS)
    stopped.addEventListener('abort', stop, { once: true })
    try {
      const from = mine.address === undefined ? {} : { localAddress: mine.address }
      return await doors.dial('tcp', to, peer, { signal: controller.signal, localPort: mine.port, ...from })
    } finally {
      clearTimeout(timer)
      stopped.removeEventListener('abort', stop)
    }
  })
}

/** The responder's part: connects until a simultaneous open succeeds. Throws NoPathError when the signal aborts. */
export async function connectTcp({ mine, theirs, signal }: TcpPunchInit): Promise<Socket> {
  // Without a NAT between, a SYN that comes a moment too early is refused at once.
  if (onOneNetwork(mine.endpoint, theirs)) return await acceptTcp(mine.port, signal)
  return await firstOf(addressesToTry(mine.endpoint, theirs), signal, async ({ address, port }, stopped) => {
    const from = mine.address === undefined ? {} : { localAddress: mine.address }
    const socket = connect({ host: address, port, localPort: mine.port, noDelay: true, ...from })
    const deadline = AbortSignal.any([stopped, AbortSignal.timeout(TRY_MS)])
    try {
      await once(socket, 'connect', { signal: deadline })
      return socket
    } catch (err) {
      socket.destroy()
      throw err
    }
  })
}

async function acceptTcp(port: number, signal: AbortSignal): Promise<Socket> {
  const server = createServer()
  try {
    server.listen(port, '0.0.0.0')
    const [socket] = (await once(server, 'connection', { signal })) as [Socket]
    socket.setNoDelay()
    return socket
  } catch (err) {
    throw new NoPathError('Nobody came by TCP', { cause: err })
  } finally {
    server.close()
  }
}

/**
 * Joins a punched socket to the TCP listener on loopback: with both ends dialling, one has to look like a
 * listener to libp2p. Resolves to its end's port there once joined; `socket` closes when either end does.
 */
export async function spliceTcp(socket: Socket, listener: number): Promise<number> {
  const inner = connect({ host: '127.0.0.1', port: listener, noDelay: true })
  for (const [from, to] of [
    [socket, inner],
    [inner, socket]
  ] as const) {
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
    from.pipe(to)
  }
  if (inner.connecting) await once(inner, 'connect')
  return inner.localPort ?? 0
}

/** Tries all addresses side by side, each again and again, until one try succeeds. */
async function firstOf<T>(
  addresses: Candidate[],
  signal: AbortSignal,
  attempt: (to: Candidate, stopped: AbortSignal) => Promise<T>
): Promise<T> {
  const done = new AbortController()
  const stopped = AbortSignal.any([signal, done.signal])
  let tries = 0
  const repeat = async (to: Candidate): Promise<T> => {
    let last: unknown
    while (!stopped.aborted) {
      try {
        tries++
        return await attempt(to, stopped)
      } catch (err) {
        last = err
        await delay(randomInt(20, 60), undefined, { signal: stopped }).catch(() => undefined)
      }
    }
    throw new NoPathError(undefined, { cause: last })
  }
  try {
    return await Promise.any(addresses.map(repeat))
  } catch (err) {
    throw new NoPathError(`No path after ${tries} tries by TCP`, { cause: err })
  } finally {
    done.abort()
  }
}
