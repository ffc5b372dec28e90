import assert from 'node:assert/strict'
import { yamux } from '@chainsafe/libp2p-yamux'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { LevelDatastore } from 'datastore-level'
import {
  boundAnswers,
  keepStreamsOut,
  muxer,
  onlyServers,
  PeerDatastore,
  skipUnreachable,
  useOwnClocks,
  watchCircuits
} from '../../../node/patches/index.ts'
import { DialBack } from '../../../node/patches/dial-back.ts'
import { requireMembers } from '../../../node/patches/members.ts'
import { sparing } from '../../../node/patches/muxer.ts'
import { cheapEnd, together } from '../../../node/patches/noise.ts'
import { installedVersion, type PatchedPackage } from '../../../node/patches/versions.ts'

/** An object that has only some members, in the place of any type. */
const stub = (members: object = {}): never => members as never

const nothing = (): undefined => undefined
const send = { sendRequest: nothing, sendMessage: nothing }
const table = { addEventListener: nothing, remove: nothing, kb: { verify: nothing } }
const store = { reserve: nothing, removeReservation: nothing, clear: nothing }
const stream = {
  recvWindow: 1,
  recvWindowCapacity: 1,
  state: 0,
  sendWindowUpdate: nothing,
  onData: nothing
}
const peerStore = { merge: nothing, get: nothing, delete: nothing }

/** Each patch, applied to objects that lack one member each. */
const APPLIED: [PatchedPackage, string, () => unknown][] = [
  ['@libp2p/kad-dht', 'network.sendRequest()', () => boundAnswers(stub({ network: {} }))],
  ['@libp2p/kad-dht', 'network.sendRequest()', () => boundAnswers(stub())],
  [
    '@libp2p/kad-dht',
    'network.sendMessage()',
    () => skipUnreachable(stub({ network: { sendRequest: nothing } }), stub())
  ],
  ['@libp2p/kad-dht', 'onPeerConnect()', () => onlyServers(stub({ routingTable: table }), stub())],
  [
    '@libp2p/kad-dht',
    'routingTable.kb.verify()',
    () => onlyServers(stub({ onPeerConnect: nothing, routingTable: { ...table, kb: {} } }), stub())
  ],
  [
    '@libp2p/kad-dht',
    'routingTable.remove()',
    () => onlyServers(stub({ onPeerConnect: nothing, routingTable: { ...table, remove: 1 } }), stub())
  ],
  ['@libp2p/circuit-relay-v2', 'stopHop()', () => watchCircuits(stub({ onHop: nothing }), nothing)],
  ['@libp2p/circuit-relay-v2', 'onHop()', () => watchCircuits(stub({ stopHop: nothing }), nothing)],
  [
    '@libp2p/circuit-relay-v2',
    'reservationStore.clear()',
    () =>
      useOwnClocks(
        stub({
          reservations: new Map(),
          reservationStore: { ...store, clear: undefined }
        }),
        1
      )
  ],
  ['@libp2p/circuit-relay-v2', 'reservations', () => useOwnClocks(stub({ reservationStore: store }), 1)],
  ...Object.keys(stream).map((member): [PatchedPackage, string, () => unknown] => [
    '@chainsafe/libp2p-yamux',
    member.startsWith('recv') || member === 'state' ? member : `${member}()`,
    () => sparing(stub({ ...stream, [member]: undefined }))
  ]),
  [
    '@chainsafe/libp2p-noise',
    'decoder.lengthDecoder()',
    () => cheapEnd(stub({ connection: { decoder: {} } }))
  ],
  ...Object.keys(peerStore).map((member): [PatchedPackage, string, () => unknown] => [
    'libp2p',
    `peerStore.${member}()`,
    () => keepStreamsOut(stub({ peerStore: { ...peerStore, [member]: undefined } }))
  ]),
  ['datastore-level', 'db.batch()', () => new PeerDatastore(stub())],
  ['libp2p', 'registrar.register()', () => new DialBack(stub({ registrar: {} }))]
]

describe('node/patches/members', () => {
  for (const [name, member, apply] of APPLIED)
    it(`names ${name} and its version when it has no ${member}`, () => {
      assert.throws(apply, (err: Error) => {
        assert.equal(err.name, 'PatchError')
        assert.ok(err.message.startsWith(`${name} ${installedVersion(name)} has no ${member},`), err.message)
        return true
      })
    })

  it('refuses a Yamux whose muxers make no streams by _newStream', () => {
    const log = defaultLogger().forComponent('test')
    const connection = stub(Object.assign(new EventTarget(), { log }))
    const prototype = Object.getPrototypeOf(yamux()().createStreamMuxer(connection)) as {
      _newStream: unknown
    }
    const { _newStream } = prototype
    Reflect.deleteProperty(prototype, '_newStream')
    try {
      assert.throws(() => muxer({})().createStreamMuxer(connection), {
        name: 'PatchError',
        message: /has no _newStream\(\)/
      })
    } finally {
      Object.assign(prototype, { _newStream })
    }
  })

  it('refuses a LevelDatastore that lists by something other than _query', () => {
    const { prototype } = LevelDatastore
    const descriptor = Object.getOwnPropertyDescriptor(prototype, '_query')
    assert.ok(descriptor)
    Object.defineProperty(prototype, '_query', { value: undefined, configurable: true })
    try {
      assert.throws(() => new PeerDatastore(stub({ batch: nothing, keys: nothing })), {
        name: 'PatchError',
        message: /has no _query\(\)/
      })
    } finally {
      Object.defineProperty(prototype, '_query', descriptor)
    }
  })

  it('takes a private mesh, WebSockets and circuits for connections without a socket', () => {
    for (const remoteAddr of [
      undefined,
      multiaddr('/ip4/127.0.0.1/tcp/1'),
      multiaddr('/ip4/127.0.0.1/tcp/1/ws'),
      multiaddr('/ip4/127.0.0.1/tcp/1/p2p/12D3KooWQPqyma2AFCEPicdgUtU9DcuGPXWnXTbQ4WjRKDdMFH3V/p2p-circuit')
    ])
      together(stub({ send: nothing, ...(remoteAddr && { remoteAddr }) }))
  })

  it('accepts an object that has all members', () => {
    requireMembers('libp2p', { send, value: { of: 0 } }, ['send.sendRequest()', 'value.of'])
  })
})
