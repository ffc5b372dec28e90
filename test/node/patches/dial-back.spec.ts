import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, PeerId, Stream, Topology } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { createLobstahLibp2p } from '../../../node/libp2p.ts'
import { DialBack, shared, type DialBackComponents } from '../../../node/patches/dial-back.ts'
import { until } from '../../support/mesh.ts'

const RELAY = '/ip4/5.10.0.10/tcp/443/p2p/12D3KooWQPqyma2AFCEPicdgUtU9DcuGPXWnXTbQ4WjRKDdMFH3V'
const FORWARDED = { multiaddr: multiaddr('/ip4/23.50.0.2/tcp/4001'), type: 'ip-mapping' }
const DIAL_REQUEST = '/libp2p/autonat/2/dial-request'

/** A node with a connection to a relay, and one to a peer through that; counts what is asked on which. */
class Scene {
  readonly asked: string[] = []
  readonly addresses: {
    multiaddr: ReturnType<typeof multiaddr>
    type: string
    verified: boolean
    expires: number
  }[] = []
  readonly topologies: Topology[] = []
  readonly connections: Connection[]
  readonly dialBack: DialBack

  constructor(relay: PeerId, peer: PeerId) {
    this.connections = [
      this.#connection('direct', relay, RELAY),
      this.#connection('relayed', peer, `${RELAY}/p2p-circuit/p2p/${peer.toString()}`)
    ]
    const components = {
      registrar: {
        register: async (_: string, topology: Topology) => {
          this.topologies.push(topology)
          return 'topology'
        },
        handle: async () => undefined,
        unhandle: async () => undefined
      },
      addressManager: { getAddressesWithMetadata: () => this.addresses },
      connectionManager: {
        getConnections: () => this.connections,
        getMaxConnections: () => 100,
        isDialable: async () => true
      },
      peerStore: { get: async () => ({ protocols: [DIAL_REQUEST], addresses: [] }) },
      randomWalk: {},
      logger: defaultLogger()
    }
    this.dialBack = new DialBack(components as unknown as DialBackComponents, 5)
  }

  /** A port that the router says it forwards. */
  forward(): void {
    this.addresses.push({ ...FORWARDED, verified: false, expires: 0 })
  }

  async connect(): Promise<void> {
    for (const connection of this.connections) {
      for (const topology of this.topologies) void topology.onConnect?.(connection.remotePeer, connection)
    }
    await setImmediate()
  }

  #connection(name: string, remotePeer: PeerId, address: string): Connection {
    return {
      remotePeer,
      remoteAddr: multiaddr(address),
      direct: name === 'direct',
      newStream: async () => {
        this.asked.push(name)
        throw new TypeError('enough')
      }
    } as unknown as Connection
  }
}

describe('node/patches/dial-back', () => {
  let scene: Scene
  beforeEach(async () => {
    const [relay, peer] = await Promise.all([peerId(), peerId()])
    scene = new Scene(relay, peer)
    await scene.dialBack.start()
  })
  afterEach(() => scene.dialBack.stop())

  it('asks a peer that is connected to, and none that is relayed', async () => {
    scene.forward()
    await scene.connect()
    await until(() => scene.asked.length > 0)
    assert.deepEqual(new Set(scene.asked), new Set(['direct']))
  })

  it('asks those who are connected already about an address that comes later', async () => {
    await scene.connect()
    assert.deepEqual(scene.asked, [])
    scene.forward()
    await until(() => scene.asked.length > 0)
    assert.deepEqual(scene.asked, ['direct'])
  })

  it('asks about no relayed address', async () => {
    const relayed = {
      multiaddr: multiaddr(`${RELAY}/p2p-circuit`),
      type: 'transport',
      verified: true,
      expires: 0
    }
    scene.addresses.push(relayed)
    await scene.connect()
    scene.forward()
    await until(() => scene.asked.length > 0)
    assert.deepEqual(scene.asked, ['direct'])
  })

  it('closes a dial back, but for one that the mesh has streams on', async () => {
    const streams: Pick<Stream, 'protocol'>[] = [{ protocol: '/libp2p/autonat/2/dial-back' }]
    const done: string[] = []
    const connection = shared({
      streams,
      close: async () => void done.push('close'),
      abort: () => void done.push('abort')
    } as unknown as Connection)
    streams.push({ protocol: '/lobstah/chat/1.0.0' })
    await connection.close()
    connection.abort(new TypeError('late'))
    assert.deepEqual(done, [])
    streams.pop()
    await connection.close()
    connection.abort(new TypeError('late'))
    assert.deepEqual(done, ['close', 'abort'])
  })

  it('leaves routers alone unless it is told to ask them', async () => {
    const privateKey = await generateKeyPair('Ed25519')
    const services = async (upnp: boolean): Promise<string[]> =>
      Object.keys((await createLobstahLibp2p({ privateKey, upnp })).services)
    assert.equal((await services(false)).includes('upnp'), false)
    assert.equal((await services(true)).includes('upnp'), true)
  })
})

async function peerId(): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}
