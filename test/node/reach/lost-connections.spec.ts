import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { pEvent } from 'p-event'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../../node/libp2p.ts'
import { until } from '../../support/mesh.ts'

describe('node/reach/lost-connections', function () {
  this.timeout(30_000)
  const nodes: LobstahLibp2p[] = []
  const sockets: Socket[] = []
  let line: Server | undefined
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    line?.close()
    for (const node of nodes.splice(0)) await node.stop()
  })

  async function start(listen: string[]): Promise<LobstahLibp2p> {
    const privateKey = await generateKeyPair('Ed25519')
    // Nothing else notices what the monitor does not.
    const node = await createLobstahLibp2p({ loopbackPeers: true, privateKey, listen, monitor: false })
    await node.start()
    nodes.push(node)
    return node
  }

  it('closes a connection that does not answer when its peer dials again, and no other', async () => {
    const relay = await start(['/ip4/127.0.0.1/tcp/0'])
    const peer = await start([])
    const [direct] = relay.getMultiaddrs()
    assert.ok(direct !== undefined)
    const port = Number(/tcp\/(\d+)/.exec(direct.toString())?.[1])
    line = createServer((socket) => {
      const other = connect(port, '127.0.0.1')
      for (const end of [socket, other]) sockets.push(end.on('error', () => undefined))
      socket.pipe(other).pipe(socket)
    })
    line.listen(0, '127.0.0.1')
    await once(line, 'listening')
    const linePort = (line.address() as AddressInfo).port
    const byLine = multiaddr(`/ip4/127.0.0.1/tcp/${linePort}/p2p/${relay.peerId.toString()}`)

    const opened = async (dial: () => Promise<Connection>): Promise<string> => {
      const [{ detail }] = await Promise.all([
        pEvent<'connection:open', CustomEvent<Connection>>(relay, 'connection:open'),
        dial()
      ])
      return detail.id
    }
    const healthy = await opened(() => peer.dial(direct, { force: true }))
    const lost = await opened(() => peer.dial(byLine, { force: true }))
    for (const socket of sockets) socket.unpipe().pause()
    const fresh = await opened(() => peer.dial(direct, { force: true }))

    const held = (): string[] => relay.getConnections(peer.peerId).map(({ id }) => id)
    assert.deepEqual(new Set(held()), new Set([healthy, lost, fresh]))
    await until(() => !held().includes(lost))
    assert.deepEqual(new Set(held()), new Set([healthy, fresh]))
  })
})
