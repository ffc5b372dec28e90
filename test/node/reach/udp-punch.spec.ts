import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:dgram'
import { NoPathError } from '../../../node/reach/errors.ts'
import { close, openUdp } from '../../../node/reach/gather.ts'
import { QuicShim } from '../../../node/reach/quic-shim.ts'
import { isPunchPacket, punchUdp, type UdpPath, type UdpPunchInit } from '../../../node/reach/udp-punch.ts'
import { MAX_PROBES, type Endpoint } from '../../../protocols/index.ts'

const TOKEN = Buffer.from('00112233445566778899aabbccddeeff', 'hex')

describe('node/reach/udp-punch', () => {
  const sockets: Socket[] = []
  const shims: QuicShim[] = []
  let stop: AbortController

  beforeEach(() => {
    stop = new AbortController()
  })
  afterEach(() => {
    stop.abort()
    for (const shim of shims.splice(0)) shim.close()
    for (const socket of sockets.splice(0)) close(socket)
  })

  async function open(): Promise<Socket> {
    const socket = await openUdp()
    sockets.push(socket)
    return socket
  }

  /** The loopback, as STUN on loopback would see it. */
  function endpointOf(socket: Socket, mapping: Endpoint['mapping'] = 'stable'): Endpoint {
    return { observed: [{ address: '127.0.0.1', port: socket.address().port }], local: [], mapping }
  }

  async function punch(
    init: Pick<UdpPunchInit, 'role' | 'theirs'> & { socket: Socket; token?: Buffer }
  ): Promise<UdpPath> {
    const { role, theirs, socket, token = TOKEN } = init
    const mine = { socket, endpoint: endpointOf(socket) }
    return await punchUdp({ role, mine, theirs, token, signal: stop.signal })
  }

  it('finds a path, which carries packets both ways', async () => {
    const [here, there] = [await open(), await open()]
    const responding = punch({ role: 'responder', socket: there, theirs: endpointOf(here) })
    const path = await punch({ role: 'initiator', socket: here, theirs: endpointOf(there) })
    assert.deepEqual(path.remote, { address: '127.0.0.1', port: there.address().port })
    const [user, listener] = [await open(), await open()]
    const near = new QuicShim({ path, token: TOKEN })
    shims.push(near)
    const port = await near.port()
    const packet = randomBytes(1200)
    const arrived = next(listener)
    user.send(packet, port, '127.0.0.1')
    const far = new QuicShim({ path: await responding, token: TOKEN, listener: listener.address().port })
    shims.push(far)
    const { message, from } = await arrived
    assert.deepEqual(message, packet)
    const back = next(user)
    listener.send(message, from, '127.0.0.1')
    assert.deepEqual((await back).message, packet)
  })

  it('takes no path from one who does not know the token', async () => {
    const [here, there] = [await open(), await open()]
    const token = randomBytes(16)
    const settled: string[] = []
    const ends = [
      punch({ role: 'responder', socket: there, theirs: endpointOf(here), token }),
      punch({ role: 'initiator', socket: here, theirs: endpointOf(there) })
    ].map((end) =>
      end.then(() => settled.push('found')).catch((err: unknown) => settled.push((err as Error).name))
    )
    // Three probes of the stranger have come, and were not answered.
    for (let n = 0; n < 3; n++) await next(there)
    stop.abort()
    await Promise.all(ends)
    assert.deepEqual(settled, [NoPathError.name, NoPathError.name])
  })

  it('gives a responder no path for a packet of QUIC without a probe before it', async () => {
    const [here, there, stranger] = [await open(), await open(), await open()]
    const responding = punch({ role: 'responder', socket: there, theirs: endpointOf(here) })
    const heard = next(there)
    stranger.send(randomBytes(1200), there.address().port, '127.0.0.1')
    await heard
    stop.abort()
    await assert.rejects(responding, NoPathError)
  })

  it('has no path at once where no address may be tried', async () => {
    const socket = await open()
    const theirs: Endpoint = { ...endpointOf(socket), observed: [{ address: '169.254.1.1', port: 5000 }] }
    await assert.rejects(punch({ role: 'initiator', socket, theirs }), NoPathError)
  })

  it('sends no more packets than allowed, guessing included, and to one address', async () => {
    const socket = await open()
    const sent: string[] = []
    // Nothing leaves this machine: the packets are only counted.
    socket.send = ((_packet: Buffer, _port: number, address: string) =>
      void sent.push(address)) as Socket['send']
    const mine = {
      socket,
      endpoint: { ...endpointOf(socket), observed: [{ address: '23.50.0.2', port: 4000 }] }
    }
    const theirs: Endpoint = {
      observed: [{ address: '31.60.0.2', port: 4000 }],
      local: [{ address: '192.168.1.1', port: 4000 }],
      mapping: 'symmetric'
    }
    const punching = punchUdp({ role: 'initiator', mine, theirs, token: TOKEN, signal: stop.signal })
    const { promise: enough, resolve } = Promise.withResolvers<undefined>()
    let last = -1
    const timer = setInterval(() => {
      if (sent.length === last) resolve(undefined)
      last = sent.length
    }, 200)
    await enough
    clearInterval(timer)
    stop.abort()
    await assert.rejects(punching, NoPathError)
    assert.equal(sent.length, MAX_PROBES)
    assert.deepEqual([...new Set(sent)], ['31.60.0.2'])
  })

  it('knows its packets from others', () => {
    assert.equal(isPunchPacket(Buffer.concat([Buffer.from([1]), TOKEN]), TOKEN), true)
    assert.equal(isPunchPacket(Buffer.concat([Buffer.from([1]), randomBytes(16)]), TOKEN), false)
    assert.equal(isPunchPacket(randomBytes(1200), TOKEN), false)
  })

  /** The next packet that a socket gets. */
  async function next(socket: Socket): Promise<{ message: Buffer; from: number }> {
    return await new Promise((resolve) => {
      socket.once('message', (message, from) => resolve({ message, from: from.port }))
    })
  }
})
