import assert from 'node:assert/strict'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { createLobstahLibp2p, loadQuic, type LobstahLibp2p } from '../../../node/libp2p.ts'
import { Reach, StunServer, isRelayed } from '../../../node/reach/index.ts'
import {
  FrameStream,
  PUNCH_PROTOCOL,
  acceptPunch,
  encodeJson,
  openPunch,
  proposePunch,
  type Endpoint,
  type PunchAnswer,
  type PunchOffer
} from '../../../protocols/index.ts'
import { eventually, until } from '../../support/mesh.ts'

const log = defaultLogger().forComponent('test')
const ECHO = '/test/echo/1.0.0'

/** A relay and two nodes that only it connects, all on loopback. */
class Triangle {
  readonly relay: LobstahLibp2p
  readonly listener: LobstahLibp2p
  readonly dialer: LobstahLibp2p
  readonly stun: StunServer
  /** Of the dialer; started by the tests. */
  readonly reach: Reach
  readonly far: Reach
  readonly signal = AbortSignal.timeout(60_000)
  /** With whom neither of the two makes direct connections. */
  readonly refused = new Set<string>()
  now = 0

  private constructor(relay: LobstahLibp2p, listener: LobstahLibp2p, dialer: LobstahLibp2p) {
    const now = (): number => this.now
    this.relay = relay
    this.listener = listener
    this.dialer = dialer
    this.stun = new StunServer({ port: 0, host: '127.0.0.1' }, { libp2p: relay, log, now: Date.now })
    this.reach = new Reach(
      { allows: (peer) => !this.refused.has(peer) },
      { libp2p: dialer, doors: dialer.services.doors, log, now }
    )
    this.far = new Reach(
      { allows: (peer) => !this.refused.has(peer) },
      { libp2p: listener, doors: listener.services.doors, log, now }
    )
  }

  static async start(options: { quic: boolean }): Promise<Triangle> {
    const quic = options.quic ? await loadQuic() : undefined
    const node = async (init: object): Promise<LobstahLibp2p> => {
      const privateKey = await generateKeyPair('Ed25519')
      const libp2p = await createLobstahLibp2p({
        loopbackPeers: true,
        privateKey,
        ...(quic === undefined ? {} : { quic }),
        ...init
      })
      await libp2p.start()
      return libp2p
    }
    const relay = await node({ relay: true, listen: ['/ip4/127.0.0.1/tcp/0'] })
    const triangle = new Triangle(relay, await node({ listen: ['/p2p-circuit'] }), await node({}))
    const { listener, dialer, stun, far } = triangle
    await stun.start()
    await far.start()
    await Promise.all([listener.dial(relay.getMultiaddrs()), dialer.dial(relay.getMultiaddrs())])
    await eventually(listener, 'self:peer:update', () => listener.getMultiaddrs().length > 0)
    return triangle
  }

  /** Connects dialer and listener through the relay. */
  async relayed(): Promise<Connection> {
    const [address] = this.listener.getMultiaddrs()
    return await this.dialer.dial(multiaddr(address?.toString()), { signal: this.signal })
  }

  /** Has the relay tell the dialer its STUN ports, as when it was connected to. */
  async tell(): Promise<void> {
    const [toRelay] = this.dialer.getConnections(this.relay.peerId)
    assert.ok(toRelay)
    await this.dialer.services.identify.identify(toRelay)
  }

  /** Identifies a peer again, which has it considered again. */
  async occasion(connection: Connection): Promise<void> {
    await until(() =>
      this.dialer.services.identify.identify(connection).then(
        () => true,
        // libp2p's own may be under way.
        () => false
      )
    )
  }

  /** Resolves to the dialer's first connection to the listener that is not relayed. */
  async direct(): Promise<Connection> {
    const find = (): Connection | undefined =>
      this.dialer.getConnections(this.listener.peerId).find((connection) => !isRelayed(connection))
    await eventually(this.dialer, 'connection:open', () => find() !== undefined)
    const found = find()
    assert.ok(found)
    return found
  }

  async stop(): Promise<void> {
    await this.reach.stop()
    await this.far.stop()
    await this.stun.stop()
    for (const node of [this.dialer, this.listener, this.relay]) await node.stop()
  }
}

describe('node/reach', () => {
  let triangle: Triangle | undefined
  afterEach(async () => {
    await triangle?.stop()
    triangle = undefined
  })

  for (const quic of [true, false]) {
    it(`makes a direct connection beside the relayed one ${quic ? 'by UDP and QUIC' : 'by TCP where there is no QUIC'}`, async () => {
      triangle = await Triangle.start({ quic })
      const { dialer, listener, reach, far } = triangle
      await reach.start()
      const relayed = await triangle.relayed()
      assert.equal(reach.pathOf(relayed), 'relayed')
      const direct = await triangle.direct()
      assert.ok(direct.remotePeer.equals(listener.peerId))
      if (!quic) assert.match(direct.remoteAddr.toString(), /\/tcp\//)
      await until(() => reach.pathOf(direct) === 'host')
      await until(() => {
        const back = listener.getConnections(dialer.peerId).find((connection) => !isRelayed(connection))
        return back !== undefined && far.pathOf(back) === 'host'
      })
      assert.equal(relayed.status, 'open')
    })
  }

  it('leaves the streams of the relayed connection alone, and serves new ones on the direct', async () => {
    triangle = await Triangle.start({ quic: true })
    const { listener, reach, signal } = triangle
    await listener.handle(ECHO, (stream) => {
      const frames = new FrameStream(stream)
      void (async () => {
        for (;;) await frames.write(await frames.read())
      })().catch(() => undefined)
    })
    const relayed = await triangle.relayed()
    const old = new FrameStream(await relayed.newStream(ECHO, { signal }))
    await old.write(Buffer.from('before'))
    assert.equal(Buffer.from(await old.read({ signal })).toString(), 'before')
    await reach.start()
    // Peers that are connected already are considered once the relay has told its STUN ports.
    await triangle.dialer.services.identify.identify(relayed)
    await triangle.tell()
    const fresh = new FrameStream(await (await triangle.direct()).newStream(ECHO, { signal }))
    const large = Buffer.alloc(500_000, 7)
    for (const frames of [old, fresh]) {
      const written = frames.write(large)
      assert.ok(large.equals(await frames.read({ signal })))
      await written
    }
  })

  it('does not punch for a peer that is connected directly', async () => {
    triangle = await Triangle.start({ quic: false })
    const { relay, listener, signal } = triangle
    const direct = listener.getConnections(relay.peerId)[0]
    assert.ok(direct)
    const [back] = relay.getConnections(listener.peerId)
    assert.ok(back)
    const stream = new FrameStream(await openPunch(back, { signal }))
    await assert.rejects(stream.read({ signal }))
  })

  it('takes part in one attempt with a peer at a time', async () => {
    triangle = await Triangle.start({ quic: false })
    const { signal } = triangle
    const relayed = await triangle.relayed()
    const first = new FrameStream(await openPunch(relayed, { signal }))
    const second = new FrameStream(await openPunch(relayed, { signal }))
    await assert.rejects(second.read({ signal }))
    first.stream.abort(new Error('enough'))
  })

  it('takes part in four attempts of a peer in a minute, by however many connections', async () => {
    triangle = await Triangle.start({ quic: false })
    const { signal } = triangle
    const endpoint = { observed: [{ address: '127.0.0.1', port: 1024 }], local: [], mapping: 'stable' }
    const answered = async (): Promise<boolean> => {
      const [address] = triangle!.listener.getMultiaddrs()
      const relayed = await triangle!.dialer.dial(multiaddr(address?.toString()), { force: true, signal })
      const frames = new FrameStream(await openPunch(relayed, { signal }))
      try {
        await frames.write(encodeJson({ type: 'offer', token: '00'.repeat(16), tcp: endpoint }), { signal })
        await frames.read({ signal })
        return true
      } catch {
        return false
      } finally {
        // The end of the connection ends the attempt.
        await relayed.close()
        await until(() => triangle!.listener.getConnections(triangle!.dialer.peerId).length === 0)
      }
    }
    for (let n = 0; n < 4; n++) assert.equal(await answered(), true, `attempt ${n}`)
    assert.equal(await answered(), false)
    triangle.now += 60_000
    assert.equal(await answered(), true)
  })

  /** Refuses every attempt with the listener from now on; counts them. */
  async function refuse({ listener, far }: Triangle): Promise<{ count: number; first: Promise<void> }> {
    await far.stop()
    const { promise: first, resolve } = Promise.withResolvers<void>()
    const refused = { count: 0, first }
    await listener.handle(
      PUNCH_PROTOCOL,
      (stream) => {
        refused.count++
        stream.abort(new Error('no'))
        resolve()
      },
      { runOnLimitedConnection: true }
    )
    return refused
  }

  it('leaves a peer alone for a while after a failure', async () => {
    triangle = await Triangle.start({ quic: false })
    const { reach } = triangle
    const refused = await refuse(triangle)
    await reach.start()
    const relayed = await triangle.relayed()
    await triangle.tell()
    await refused.first
    // The attempt ends after its stream; another identify is another occasion, and so is one of the same relay.
    await until(async () => {
      await triangle!.occasion(relayed)
      await triangle!.tell()
      triangle!.now += 1000
      return triangle!.now > 20_000
    })
    assert.equal(refused.count, 1)
    triangle.now += 60_000
    await until(async () => {
      await triangle!.occasion(relayed)
      return refused.count === 2
    })
  })

  it('tries again at once after a change of network, which has a relay connected to anew', async () => {
    triangle = await Triangle.start({ quic: false })
    const { dialer, relay, reach } = triangle
    const refused = await refuse(triangle)
    await reach.start()
    await triangle.relayed()
    await triangle.tell()
    await refused.first
    await dialer.hangUp(relay.peerId)
    await triangle.relayed()
    await until(() => refused.count === 2)
    assert.equal(triangle.now, 0)
  })

  it('tries again at once with a peer that went and came back', async () => {
    triangle = await Triangle.start({ quic: false })
    const { dialer, listener, reach } = triangle
    const refused = await refuse(triangle)
    await reach.start()
    await triangle.relayed()
    await triangle.tell()
    await refused.first
    await dialer.hangUp(listener.peerId)
    await triangle.relayed()
    await until(() => refused.count === 2)
    assert.equal(triangle.now, 0)
  })

  it('gives up after 6 s, and stays on the relay', async () => {
    triangle = await Triangle.start({ quic: false })
    const { listener, reach, far, signal } = triangle
    await far.stop()
    // Nobody listens there, and nobody dials from there.
    const tcp: Endpoint = { observed: [{ address: '127.0.0.1', port: 1024 }], local: [], mapping: 'stable' }
    const { promise: over, resolve: onOver } = Promise.withResolvers<number>()
    await listener.handle(
      PUNCH_PROTOCOL,
      (stream) => {
        void acceptPunch(stream, async () => ({ type: 'answer', tcp }), { signal }).then(() => {
          const began = performance.now()
          stream.addEventListener('close', () => onOver(performance.now() - began))
        })
      },
      { runOnLimitedConnection: true }
    )
    await reach.start()
    const relayed = await triangle.relayed()
    await triangle.tell()
    const took = await over
    assert.ok(took > 5500 && took < 15_000, `${took} ms`)
    assert.equal(relayed.status, 'open')
  }).timeout(60_000)

  it('makes no attempt with a peer that is neither served nor asked', async () => {
    triangle = await Triangle.start({ quic: false })
    const { listener, reach } = triangle
    const refused = await refuse(triangle)
    triangle.refused.add(listener.peerId.toString())
    await reach.start()
    const relayed = await triangle.relayed()
    await triangle.tell()
    await triangle.occasion(relayed)
    assert.equal(refused.count, 0)
    triangle.refused.clear()
    await triangle.occasion(relayed)
    await refused.first
  })

  it('takes no part in the attempt of a peer that is neither served nor asked', async () => {
    triangle = await Triangle.start({ quic: false })
    const { dialer, signal, refused } = triangle
    refused.add(dialer.peerId.toString())
    const relayed = await triangle.relayed()
    const tcp: Endpoint = { observed: [{ address: '127.0.0.1', port: 1024 }], local: [], mapping: 'stable' }
    const offer: PunchOffer = { type: 'offer', token: '00'.repeat(16), tcp }
    const propose = async (): Promise<PunchAnswer> =>
      await proposePunch(await openPunch(relayed, { signal }), offer, { signal })
    await assert.rejects(propose())
    refused.clear()
    await propose()
  })

  it('stops twice, and in the middle of an attempt', async () => {
    triangle = await Triangle.start({ quic: true })
    const { reach } = triangle
    await reach.start()
    await triangle.relayed()
    await reach.stop()
    await reach.stop()
  })
})
