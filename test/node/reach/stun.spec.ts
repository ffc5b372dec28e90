import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket as TcpSocket } from 'node:net'
import type { Socket } from 'node:dgram'
import { StunError } from '../../../node/reach/errors.ts'
import { close, closeEnds, openUdp } from '../../../node/reach/gather.ts'
import { askStunTcp, askStunUdp } from '../../../node/reach/stun/client.ts'
import {
  bindingRequest,
  bindingResponse,
  mappedAddress,
  STUN_RESPONSE_BYTES
} from '../../../node/reach/stun/message.ts'
import { StunServer, stunPortFor } from '../../../node/reach/stun/server.ts'
import { askStunPorts } from '../../../protocols/index.ts'
import { Libp2pPair } from '../../support/libp2p-pair.ts'
import { defaultLogger } from '@libp2p/logger'

const log = defaultLogger().forComponent('test')
const signal = new AbortController().signal

/** RFC 5769, section 2.2: a response with other attributes before and after the address. */
const SAMPLE = Buffer.from(
  '0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643' +
    '000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96',
  'hex'
)

describe('node/reach/stun/message', () => {
  it("reads RFC 5769's sample", () => {
    assert.deepEqual(mappedAddress(SAMPLE, SAMPLE), { address: '192.0.2.1', port: 32_853 })
  })

  it('reads what it writes, for high and low addresses and ports', () => {
    for (const from of [
      { address: '255.254.253.252', port: 65_535 },
      { address: '1.0.0.1', port: 1024 }
    ]) {
      const request = bindingRequest()
      const response = bindingResponse(request, from)
      assert.equal(response?.length, STUN_RESPONSE_BYTES)
      assert.deepEqual(mappedAddress(response, request), from)
    }
  })

  it('takes no response to another request', () => {
    const response = bindingResponse(bindingRequest(), { address: '1.2.3.4', port: 5000 })
    assert.ok(response)
    assert.equal(mappedAddress(response, bindingRequest()), undefined)
  })

  it('answers no response, and nothing that is not STUN', () => {
    const from = { address: '1.2.3.4', port: 5000 }
    for (const message of [SAMPLE, Buffer.alloc(20), Buffer.alloc(0), bindingRequest().subarray(0, 19)]) {
      assert.equal(bindingResponse(message, from), undefined)
    }
  })

  it('reads no address from a response that is cut anywhere', () => {
    // The address ends at byte 48.
    for (let length = 0; length < 48; length++) {
      assert.equal(mappedAddress(SAMPLE.subarray(0, length), SAMPLE), undefined)
    }
  })
})

describe('node/reach/stun', () => {
  let pair: Libp2pPair
  let server: StunServer
  let socket: Socket
  let seconds = 0

  before(async () => {
    pair = await Libp2pPair.connect()
  })
  after(() => pair.stop())
  beforeEach(async () => {
    server = new StunServer(
      { port: 0, host: '127.0.0.1' },
      { libp2p: pair.listener, log, now: () => seconds * 1000 }
    )
    await server.start()
    socket = await openUdp()
  })
  afterEach(async () => {
    close(socket)
    await server.stop()
  })

  it('tells over UDP how a socket looks, on two ports', async () => {
    const { udp } = server.ports()
    assert.equal(udp.length, 2)
    for (const port of udp) {
      const seen = await askStunUdp(socket, { host: '127.0.0.1', port }, signal)
      assert.deepEqual(seen, { address: '127.0.0.1', port: socket.address().port })
    }
  })

  it('tells over TCP how a socket looks, and leaves the connection open', async () => {
    const { tcp = 0 } = server.ports()
    const { observed, socket: probe } = await askStunTcp({ host: '127.0.0.1', port: tcp }, signal)
    try {
      assert.deepEqual(observed, { address: '127.0.0.1', port: probe.localPort })
      assert.equal(probe.readyState, 'open')
    } finally {
      probe.resetAndDestroy()
    }
  })

  it('leaves nothing open of an end whose server was the first to close', async () => {
    const { tcp = 0 } = server.ports()
    const { observed, socket: probe } = await askStunTcp({ host: '127.0.0.1', port: tcp }, signal)
    await Promise.all([once(probe, 'end'), server.stop()])
    const closed = once(probe, 'close')
    closeEnds({
      tcp: { port: observed.port, endpoint: { observed: [], local: [], mapping: 'stable' }, probe }
    })
    await closed
  })

  it('tells its ports over libp2p', async () => {
    const told = await askStunPorts(pair.connection, { signal })
    assert.deepEqual(told, { type: 'stun', ...server.ports() })
  })

  it('closes a TCP connection that sends anything else', async () => {
    const client = connect({ host: '127.0.0.1', port: server.ports().tcp ?? 0 })
    client.on('error', () => undefined)
    client.write('GET / HTTP/1.1\r\nhost: here\r\n\r\n')
    await once(client, 'close')
  })

  it('answers one address 20 times in a second, over all ports', async () => {
    const [port = 0] = server.ports().udp
    const ask = (): Promise<unknown> => askStunUdp(socket, { host: '127.0.0.1', port }, signal)
    for (let n = 0; n < 20; n++) await ask()
    await assert.rejects(ask(), StunError)
    seconds++
    await ask()
  })

  it('holds 32 TCP connections of one address', async () => {
    const sockets: TcpSocket[] = []
    const open = async (): Promise<TcpSocket> => {
      const client = connect({ host: '127.0.0.1', port: server.ports().tcp ?? 0 })
      client.on('error', () => undefined)
      sockets.push(client)
      await once(client, 'connect')
      return client
    }
    for (let n = 0; n < 32; n++) await open()
    await once(await open(), 'close')
    assert.equal(sockets.filter(({ destroyed }) => !destroyed).length, 32)
    for (const client of sockets) client.destroy()
  })

  it('is told when nobody answers', async () => {
    const silent = await openUdp()
    try {
      await assert.rejects(
        askStunUdp(socket, { host: '127.0.0.1', port: silent.address().port }, signal),
        StunError
      )
    } finally {
      close(silent)
    }
    const { tcp = 0 } = server.ports()
    await server.stop()
    await assert.rejects(askStunTcp({ host: '127.0.0.1', port: tcp }, signal), StunError)
  })

  it('stops twice, and starts again', async () => {
    await server.stop()
    await server.stop()
    await server.start()
    const [port = 0] = server.ports().udp
    await askStunUdp(socket, { host: '127.0.0.1', port }, signal)
  })

  it('takes the port after all others', () => {
    assert.equal(stunPortFor(['/ip4/0.0.0.0/tcp/17476', '/ip4/0.0.0.0/tcp/17477/ws', '/p2p-circuit']), 17_478)
    assert.equal(stunPortFor(['/ip4/0.0.0.0/tcp/443']), 17_478)
    assert.equal(stunPortFor(['/ip4/0.0.0.0/tcp/65535']), 17_478)
    assert.equal(stunPortFor(['/ip4/0.0.0.0/tcp/0']), 0)
    assert.equal(stunPortFor([]), 0)
  })
})
