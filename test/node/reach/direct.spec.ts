import assert from 'node:assert/strict'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { TypedEventEmitter, type Connection, type PeerId } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { DialPolicy } from '../../../node/addresses/index.ts'
import { Reach, type Doors, type ReachComponents } from '../../../node/reach/index.ts'

const RELAYED = '/ip4/5.10.0.10/tcp/443/p2p/12D3KooWQPqyma2AFCEPicdgUtU9DcuGPXWnXTbQ4WjRKDdMFH3V/p2p-circuit'
const LOCAL = '/ip4/192.168.10.2/tcp/4001'
const PUBLIC = '/ip4/23.50.0.2/tcp/4001'

/** A node with one connection, as far as Reach looks at it. */
class StubNode extends TypedEventEmitter<Record<string, CustomEvent<unknown>>> {
  readonly dialled: string[] = []
  readonly connections: Connection[] = []
  readonly register = async (): Promise<string> => 'topology'
  readonly unregister = (): void => undefined
  readonly handle = async (): Promise<void> => undefined
  readonly unhandle = async (): Promise<void> => undefined
  readonly getPeers = (): PeerId[] => []
  readonly getConnections = (): Connection[] => this.connections
  readonly services = {
    policy: new DialPolicy({ isFriend: () => this.friends }),
    dials: {
      dialTold: async (addresses: Multiaddr[]): Promise<void> => {
        this.dialled.push(...addresses.map(String))
      }
    }
  }
  friends = false
}

describe('node/reach/direct', () => {
  let node: StubNode
  let peer: PeerId
  let reach: Reach
  let allowed: boolean

  beforeEach(async () => {
    node = new StubNode()
    peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    allowed = true
    reach = new Reach(
      { allows: () => allowed },
      {
        libp2p: node as unknown as ReachComponents['libp2p'],
        doors: { has: () => false } as unknown as Doors,
        log: defaultLogger().forComponent('test'),
        now: () => 0
      }
    )
    await reach.start()
    connect(`${RELAYED}/p2p/${peer.toString()}`)
  })
  afterEach(() => reach.stop())

  function connect(address: string, direction = 'outbound'): void {
    const connection = { remotePeer: peer, remoteAddr: multiaddr(address), direction, status: 'open' }
    node.connections.push(connection as unknown as Connection)
  }

  /** The peer says where it can be reached. */
  function tell(addresses: string[], before: string[] = []): void {
    const entry = (list: string[]): object => ({
      id: peer,
      addresses: list.map((text) => ({ multiaddr: multiaddr(text) }))
    })
    const detail = { peer: entry(addresses), previous: entry(before) }
    node.dispatchEvent(new CustomEvent('peer:update', { detail }))
  }

  it('dials a relayed peer that can be reached from now on, as after its router forwarded a port', () => {
    tell([LOCAL, PUBLIC, RELAYED], [LOCAL, RELAYED])
    assert.deepEqual(node.dialled, [`${PUBLIC}/p2p/${peer.toString()}`])
  })

  it('dials nothing private, nothing relayed and nothing that it knew', () => {
    tell([LOCAL, RELAYED])
    tell([LOCAL, PUBLIC, RELAYED], [PUBLIC])
    assert.deepEqual(node.dialled, [])
  })

  it('dials nobody whom it is connected to directly', () => {
    connect(`${PUBLIC}/p2p/${peer.toString()}`, 'inbound')
    tell([PUBLIC])
    assert.deepEqual(node.dialled, [])
  })

  it('dials nobody who is neither served nor asked', () => {
    allowed = false
    tell([PUBLIC])
    assert.deepEqual(node.dialled, [])
  })

  it('dials nobody when it has stopped', async () => {
    await reach.stop()
    tell([PUBLIC])
    assert.deepEqual(node.dialled, [])
  })
})
