import type { Socket as UdpSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import type { Candidate } from '../../../protocols/index.ts'
import { STUN_RETRY_MS, STUN_TCP_TIMEOUT_MS, STUN_UDP_TIMEOUT_MS } from '../constants.ts'
import { StunError } from '../errors.ts'
import { bindingRequest, mappedAddress, STUN_RESPONSE_BYTES } from './message.ts'

/** Where a STUN server listens; the host may be a name. */
export interface StunServerAddress {
  host: string
  port: number
}

/** How a server sees a UDP socket. Throws StunError when there is no answer within a second. */
export async function askStunUdp(
  socket: UdpSocket,
  { host, port }: StunServerAddress,
  signal: AbortSignal
): Promise<Candidate> {
  const request = bindingRequest()
  const { promise, resolve, reject } = Promise.withResolvers<Candidate>()
  const onMessage = (message: Buffer): void => {
    const mapped = mappedAddress(message, request)
    if (mapped !== undefined) resolve(mapped)
  }
  const onAbort = (): void => reject(new StunError(undefined, { cause: signal.reason }))
  // An error in sending is as good as no answer: a repetition may get through.
  const send = (): void => socket.send(request, port, host, () => undefined)
  const repeat = setInterval(send, STUN_RETRY_MS)
  const deadline = setTimeout(() => reject(new StunError()), STUN_UDP_TIMEOUT_MS)
  socket.on('message', onMessage)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  else send()
  try {
    return await promise
  } finally {
    clearInterval(repeat)
    clearTimeout(deadline)
    socket.off('message', onMessage)
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * How a server sees a TCP socket of this node. The connection stays open, so that the NAT keeps the port: who
 * asked destroys the socket. Throws StunError.
 */
export async function askStunTcp(
  { host, port }: StunServerAddress,
  signal: AbortSignal
): Promise<{ observed: Candidate; socket: Socket }> {
  const request = bindingRequest()
  // Bound to an address first, the port may be shared: by the connections that punch.
  const socket = connect({ host, port, localAddress: '0.0.0.0', localPort: 0, family: 4 })
  const { promise, resolve, reject } = Promise.withResolvers<Candidate>()
  const fail = (cause?: unknown): void => reject(new StunError(undefined, { cause }))
  const onAbort = (): void => fail(signal.reason)
  const deadline = setTimeout(fail, STUN_TCP_TIMEOUT_MS)
  let received = Buffer.alloc(0)
  socket.on('error', fail)
  socket.on('close', () => fail())
  socket.on('connect', () => socket.write(request))
  socket.on('data', (data) => {
    received = Buffer.concat([received, data])
    const mapped = mappedAddress(received, request)
    if (mapped !== undefined) resolve(mapped)
    else if (received.length >= STUN_RESPONSE_BYTES) fail()
  })
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return { observed: await promise, socket }
  } catch (err) {
    socket.destroy()
    throw err
  } finally {
    clearTimeout(deadline)
    signal.removeEventListener('abort', onAbort)
  }
}
