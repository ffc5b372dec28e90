import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { MultiaddrConnection, Upgrader } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { INFO_PROTOCOL, MAX_INFO_STREAMS, subscribeInfo } from '../../protocols/index.ts'
import type { LobstahLibp2p } from '../../node/libp2p.ts'
import { bareNode } from '../support/libp2p-pair.ts'
import { Mesh, until } from '../support/mesh.ts'
import { ScriptedEngine, say } from '../support/scripted-engine.ts'

const LOOPBACK = ['/ip4/127.0.0.1/tcp/0']

describe('node/libp2p', function () {
  this.timeout(60_000)
  let mesh: Mesh
  let others: LobstahLibp2p[]
  let sockets: Socket[]

  beforeEach(() => {
    mesh = new Mesh()
    others = []
    sockets = []
  })
  afterEach(async () => {
    for (const socket of sockets) socket.destroy()
    await Promise.all(others.map(async (node) => await node.stop()))
    await mesh.stop()
  })

  async function other(listen: string[] = []): Promise<LobstahLibp2p> {
    const node = await bareNode(listen)
    others.push(node)
    return node
  }

  const portOf = (node: LobstahLibp2p): number => Number(node.getMultiaddrs()[0]!.getComponents()[1]!.value)

  /** A bare socket to a node, from an address of loopback. */
  function open(node: LobstahLibp2p, localAddress: string): Socket {
    const socket = connect({ port: portOf(node), host: '127.0.0.1', localAddress })
    socket.on('error', () => undefined)
    sockets.push(socket)
    return socket
  }

  describe('on the local network only', () => {
    /** Has a connection come in as if from an address; its bytes never come. */
    async function comeFrom(node: LobstahLibp2p, remote: string): Promise<unknown> {
      const { upgrader } = (node as unknown as { components: { upgrader: Upgrader } }).components
      const connection = { remoteAddr: multiaddr(remote) } as MultiaddrConnection
      return await upgrader.upgradeInbound(connection, { signal: AbortSignal.timeout(5000) }).then(
        () => undefined,
        (err: unknown) => (err instanceof Error ? err.name : err)
      )
    }

    for (const remote of [
      '/ip4/5.10.0.10/tcp/40000',
      '/ip4/8.8.8.8/udp/40000/quic-v1',
      '/ip6/2606:4700::1/tcp/1'
    ]) {
      it(`refuses who comes from ${remote}, whom another node takes`, async () => {
        const guarded = await mesh.node({ lanOnly: true, listen: LOOPBACK })
        assert.equal(await comeFrom(guarded.libp2p, remote), 'ConnectionInterceptedError')
        const open = await mesh.node({ listen: LOOPBACK })
        assert.notEqual(await comeFrom(open.libp2p, remote), 'ConnectionInterceptedError')
      })
    }

    it('takes who comes from the local network', async () => {
      const guarded = await mesh.node({ lanOnly: true, listen: LOOPBACK })
      for (const remote of ['/ip4/192.168.1.7/tcp/40000', '/ip4/100.64.1.1/tcp/40000', '/ip6/fd00::1/tcp/1'])
        assert.notEqual(await comeFrom(guarded.libp2p, remote), 'ConnectionInterceptedError')
      await (await other()).dial(guarded.libp2p.getMultiaddrs())
    })
  })

  it('takes a household at once: fifty connections of one address in the same moment', async () => {
    const node = await other(LOOPBACK)
    const greeting = Buffer.from('\x13/multistream/1.0.0\n')
    const answers = Array.from({ length: 50 }, async () => {
      const socket = open(node, '127.0.0.1')
      socket.write(greeting)
      // A refused peer hears nothing: the socket is just closed.
      const [answer] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as unknown[]
      assert.deepEqual(answer, greeting)
    })
    await Promise.all(answers)
  })

  it('is not locked by one host that opens sockets and says nothing, and closes those', async () => {
    const node = await other(LOOPBACK)
    const [first] = Array.from({ length: 700 }, () => open(node, '127.0.0.2').resume())
    const closed = Promise.withResolvers<unknown>()
    first!.on('close', closed.resolve)
    await until(() => sockets.every((socket) => !socket.connecting))
    await (await other()).dial(node.getMultiaddrs())
    await until(() => node.getConnections().length === 1)
    const from = performance.now()
    await closed.promise
    assert.ok(
      performance.now() - from < 8000,
      'a silent socket is closed within 5 s, and some for a busy machine'
    )
  })

  it('resets what is over the limit of streams, and leaves those within it', async () => {
    const contributor = await mesh.node({
      listen: LOOPBACK,
      contribute: true,
      engine: new ScriptedEngine(() => say(['fine']))
    })
    const connection = await (await other()).dial(contributor.libp2p.getMultiaddrs())
    const abort = new AbortController()
    const subscribe = (): ReturnType<typeof subscribeInfo> =>
      subscribeInfo(connection, { signal: abort.signal, now: Date.now })
    const within = Array.from({ length: MAX_INFO_STREAMS }, subscribe)
    for (const subscription of within) assert.equal((await subscription.next()).done, false)
    const over = await connection.newStream(INFO_PROTOCOL, { maxOutboundStreams: 100 })
    if (over.status === 'open') await once(over as never, 'close')
    assert.equal(over.status, 'reset')
    const open = connection.streams.filter(
      ({ protocol, status }) => protocol === INFO_PROTOCOL && status === 'open'
    )
    assert.equal(open.length, MAX_INFO_STREAMS)
    abort.abort()
    await Promise.allSettled(within.map((subscription) => subscription.next()))
  })
})
