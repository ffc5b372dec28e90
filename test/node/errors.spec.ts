import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { loadQuic } from '../../node/libp2p.ts'
import { Mesh } from '../support/mesh.ts'

describe('node/errors', () => {
  it('explains that QUIC cannot have its port', async function () {
    const quic = await loadQuic()
    if (quic === undefined) this.skip()
    const mesh = new Mesh()
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const address = `/ip4/127.0.0.1/udp/${socket.address().port}/quic-v1`
    try {
      await assert.rejects(mesh.node({ relay: true, quic, listen: [address] }), {
        name: 'ListenError',
        message: `Cannot listen for peers at ${address} (the port is in use). Choose another address with --listen, or stop the program that uses it.`
      })
    } finally {
      await mesh.stop()
      socket.close()
    }
  })

  it('explains that an address is of no transport', async () => {
    const mesh = new Mesh()
    try {
      await assert.rejects(mesh.node({ listen: ['/ip4/127.0.0.1/udp/0'] }), {
        name: 'ListenError',
        message: /^Cannot listen for peers at \/ip4\/127\.0\.0\.1\/udp\/0 \(a node listens by TCP, /
      })
    } finally {
      await mesh.stop()
    }
  })
})
