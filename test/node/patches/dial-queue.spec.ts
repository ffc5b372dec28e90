import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { until } from '../../support/mesh.ts'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../../node/libp2p.ts'

describe('node/patches/dial-queue', () => {
  const nodes: LobstahLibp2p[] = []
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.stop()
  })

  async function node(init: Partial<Parameters<typeof createLobstahLibp2p>[0]> = {}): Promise<LobstahLibp2p> {
    const made = await createLobstahLibp2p({ privateKey: await generateKeyPair('Ed25519'), ...init })
    nodes.push(made)
    await made.start()
    return made
  }

  const LISTEN = { listen: ['/ip4/127.0.0.1/tcp/0'] }

  it('dials what this program names, and nothing private that a peer names', async () => {
    const [one, other] = [await node(), await node(LISTEN)]
    const signal = AbortSignal.timeout(10_000)
    await assert.rejects(one.services.dials.dialTold(other.getMultiaddrs(), { signal }), {
      name: 'DialRefusedError'
    })
    const connection = await one.dial(other.getMultiaddrs())
    await connection.close()
    // From here on it is known there.
    await one.dial(other.peerId)
  })

  it('does not let a dial at the user’s word wait for one at another’s', async () => {
    const [one, other] = [await node({ loopbackPeers: true }), await node(LISTEN)]
    const silent = createServer((socket) => socket.on('error', () => undefined))
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    await one.peerStore.merge(other.peerId, { multiaddrs: [multiaddr(`/ip4/127.0.0.1/tcp/${port}`)] })
    const waiting = one.dial(other.peerId)
    const from = performance.now()
    await one.dial(other.getMultiaddrs(), { force: true })
    assert.ok(performance.now() - from < 2500)
    silent.close()
    await assert.rejects(waiting)
  })

  it('fails at once where all addresses are known, and at the fixed time where one was told', async () => {
    const [one, other] = [await node({ loopbackPeers: true, failedDialMs: 1000 }), await node(LISTEN)]
    await one.dial(other.getMultiaddrs())
    await other.stop()
    await until(() => one.getConnections().length === 0)
    const from = performance.now()
    await assert.rejects(one.dial(other.peerId))
    assert.ok(performance.now() - from < 900)
    const stranger = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    await one.peerStore.merge(stranger, { multiaddrs: other.getMultiaddrs() })
    await one.peerStore.merge(stranger, { multiaddrs: [multiaddr('/ip4/127.0.0.1/tcp/1024')] })
    const then = performance.now()
    await assert.rejects(one.dial(stranger))
    assert.ok(performance.now() - then >= 990)
  })

  it('connects a WebSocket with TLS to the address that was judged, not to its name', async () => {
    const server = createServer()
    const [connected] = [once(server, 'connection')]
    // All of 127.0.0.0/8 is this machine; localhost is another part of it.
    server.listen(0, '127.0.0.2')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const one = await node({ loopbackPeers: true, failedDialMs: 500 })
    const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    const address = multiaddr(`/ip4/127.0.0.2/tcp/${port}/tls/sni/localhost/ws/p2p/${peer.toString()}`)
    const dialling = one.services.dials.dialTold([address], { signal: AbortSignal.timeout(5000) })
    dialling.catch(() => undefined)
    const [socket] = (await connected) as [Socket]
    socket.destroy()
    server.close()
    await assert.rejects(dialling)
  })
})
