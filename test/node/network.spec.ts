import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { createLobstahLibp2p, loadQuic } from '../../node/libp2p.ts'
import { createRelay, defaultListen, type Network, type NetworkInit } from '../../node/network.ts'
import { publicAddresses } from '../../node/relay/listening.ts'

describe('node/network', function () {
  this.timeout(30_000)
  let relays: Network[]
  beforeEach(() => {
    relays = []
  })
  afterEach(async () => {
    await Promise.all(relays.map((relay) => relay.stop()))
  })

  async function create(init: Partial<NetworkInit> = {}): Promise<Network> {
    const relay = await createRelay({
      loopbackPeers: true,
      privateKey: await generateKeyPair('Ed25519'),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      ...init
    })
    relays.push(relay)
    return relay
  }

  const addressesOf = (relay: Network): string[] => relay.libp2p.getMultiaddrs().map(String)

  it('listens on TCP, WebSocket, QUIC and a second TCP port, as 443, and is reached by each', async () => {
    const quic = await loadQuic()
    const relay = await create({
      listen: [
        '/ip4/127.0.0.1/tcp/0',
        '/ip4/127.0.0.1/tcp/0',
        '/ip4/127.0.0.1/tcp/0/ws',
        '/ip4/127.0.0.1/udp/0/quic-v1'
      ],
      ...(quic === undefined ? {} : { quic })
    })
    await relay.start()
    const addresses = relay.libp2p.getMultiaddrs()
    const transports = addresses.map((address) =>
      address
        .getComponents()
        .slice(1, -1)
        .map(({ name }) => name)
        .join('/')
    )
    const wanted = ['tcp', 'tcp', 'tcp/ws', ...(quic === undefined ? [] : ['udp/quic-v1'])]
    assert.deepEqual(transports.toSorted(), wanted.toSorted())
    for (const address of addresses) {
      const peer = await createLobstahLibp2p({
        loopbackPeers: true,
        privateKey: await generateKeyPair('Ed25519'),
        ...(quic === undefined ? {} : { quic })
      })
      await peer.start()
      await peer.dial(address)
      await peer.stop()
    }
  })

  it('listens on all of them by default, whichever way it is made a relay', async () => {
    const relay = await create()
    assert.equal(relay.libp2p.services.relay !== undefined, true)
    assert.deepEqual(defaultListen({ relay: true, contribute: true }), defaultListen({ relay: true }))
    assert.deepEqual(defaultListen({ relay: true }), [
      '/ip4/0.0.0.0/tcp/17476',
      '/ip4/0.0.0.0/tcp/17477/ws',
      '/ip4/0.0.0.0/udp/17476/quic-v1'
    ])
  })

  it('announces what it listens on at the public addresses of its interfaces, with a fixed port', () => {
    const entry = (address: string, family: 'IPv4' | 'IPv6' = 'IPv4'): NetworkInterfaceInfo =>
      ({ address, family }) as NetworkInterfaceInfo
    const interfaces = {
      lo: [entry('127.0.0.1')],
      eth0: [entry('5.10.0.10'), entry('192.168.1.2'), entry('2001:db8::1', 'IPv6')]
    }
    const listen = [
      '/ip4/0.0.0.0/tcp/17476',
      '/ip4/0.0.0.0/tcp/17477/ws',
      '/ip4/0.0.0.0/tcp/0',
      '/p2p-circuit'
    ]
    assert.deepEqual(publicAddresses(listen, interfaces), [
      '/ip4/5.10.0.10/tcp/17476',
      '/ip4/5.10.0.10/tcp/17477/ws'
    ])
  })

  it('tells others what it is told to announce, and nothing else', async () => {
    const announce = ['/ip4/5.10.0.10/tcp/17476', '/dns4/relay.example/tcp/443']
    const relay = await create({ announce })
    await relay.start()
    const peer = relay.libp2p.peerId.toString()
    assert.deepEqual(
      addressesOf(relay),
      announce.map((address) => `${address}/p2p/${peer}`)
    )
  })

  it('says where its STUN server listens: two UDP ports and one of TCP', async () => {
    const relay = await create()
    await relay.start()
    const { udp, tcp } = relay.stunPorts()
    assert.equal(new Set(udp).size, 2)
    assert.ok(tcp !== undefined && tcp > 0)
  })

  for (const transport of ['TCP', 'UDP'] as const) {
    it(`says that the STUN port is taken, over ${transport}, and lets go of all others`, async () => {
      const server =
        transport === 'TCP' ? createServer().listen(0, '0.0.0.0') : createSocket('udp4').bind(0, '0.0.0.0')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const relay = await create({ stunPort: port })
      try {
        await assert.rejects(relay.start(), {
          name: 'ListenError',
          message: new RegExp(
            `STUN server cannot listen on ${transport} port ${port} \\(the port is in use\\).*--stun-port`
          )
        })
        assert.equal(relay.libp2p.status, 'stopped')
      } finally {
        server.close()
      }
      await relay.start()
      assert.equal(relay.stunPorts().udp[0], port)
    })
  }
})
