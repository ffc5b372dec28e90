import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { WebSocketServer, type WebSocket } from 'ws'
import {
  NostrBoard,
  RendezvousError,
  TrackerBoard,
  type Board,
  type Self
} from '../../node/rendezvous/index.ts'
import { MAX_DIALS, MAX_FOUND, MAX_NOSTR_EXCHANGE_BYTES } from '../../node/rendezvous/constants.ts'
import { MAX_TRACKER_ANSWER_BYTES } from '../../protocols/tracker/index.ts'
import { Mesh, until } from '../support/mesh.ts'
import { signedPresence } from '../support/presences.ts'
import { CONSUMER, CONTRIBUTOR, STRANGER, type Party } from '../support/records.ts'
import { reportAttack } from './table.ts'

/** Bytes that the system's sockets may hold beyond what the node reads. */
const SOCKET_BYTES = 8 * 1024 * 1024

const PROMISE = 'trackers and Nostr relays'

const self: Self = { ...CONSUMER, meshKeys: () => [], now: Date.now }

describe('attacks: trackers and Nostr relays that lie', function () {
  this.timeout(60_000)
  const mesh = new Mesh()
  const servers: Server[] = []
  const relays: WebSocketServer[] = []
  after(async () => {
    await mesh.stop()
    for (const server of servers) server.close().closeAllConnections()
    for (const relay of relays) {
      for (const client of relay.clients) client.terminate()
      relay.close()
    }
  })

  async function tracker(listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async function relay(onRequest: (socket: WebSocket) => void): Promise<Board> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    relays.push(server)
    server.on('connection', (socket) => socket.on('message', () => onRequest(socket)))
    await once(server, 'listening')
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
    return new NostrBoard({ url, key: () => Promise.reject(new RendezvousError()) }, self)
  }

  const find = (board: Board): ReturnType<Board['find']> =>
    board.find({ signal: AbortSignal.timeout(20_000) })

  async function strangers(count: number, addresses: string[], relays = false): Promise<unknown[]> {
    return await Promise.all(
      Array.from({ length: count }, async () => {
        const privateKey = await generateKeyPair('Ed25519')
        const by: Party = { privateKey, peer: peerIdFromPrivateKey(privateKey).toString() }
        const issuedAt = Date.now()
        return await signedPresence({ addresses, relay: relays, issuedAt, expiresAt: issuedAt + 600_000 }, by)
      })
    )
  }

  it('a tracker that answers without end is read to a bound', async () => {
    let sent = 0
    const url = await tracker((request, response) => {
      const more = (): void => {
        let room = !response.destroyed
        while (room) {
          sent += 65_536
          room = response.write('x'.repeat(65_536))
        }
      }
      response.on('drain', more)
      more()
    })
    await assert.rejects(find(new TrackerBoard({ url }, self)), RendezvousError)
    assert.ok(sent > MAX_TRACKER_ANSWER_BYTES && sent <= MAX_TRACKER_ANSWER_BYTES + SOCKET_BYTES)
    reportAttack({
      promise: PROMISE,
      attack: 'an answer without end',
      reached: `${Math.ceil(sent / 1024)} KiB`,
      bound: `${MAX_TRACKER_ANSWER_BYTES / 1024} KiB, and what sockets hold`
    })
  })

  it('a Nostr relay that sends without end, or one long message, is cut off', async () => {
    let sent = 0
    const flood = await relay((socket) => {
      const more = (): void => {
        if (socket.readyState !== socket.OPEN) return
        sent += 32_768
        socket.send(JSON.stringify(['EVENT', 'lobstah-other', 'x'.repeat(32_740)]), more)
      }
      more()
    })
    await assert.rejects(find(flood), RendezvousError)
    assert.ok(sent > MAX_NOSTR_EXCHANGE_BYTES && sent <= MAX_NOSTR_EXCHANGE_BYTES + SOCKET_BYTES)
    const long = await relay((socket) => socket.send(`["EVENT","lobstah","${'x'.repeat(70_000)}"]`))
    await assert.rejects(find(long), RendezvousError)
    reportAttack({
      promise: PROMISE,
      attack: 'messages without end',
      reached: `${Math.ceil(sent / 1024)} KiB`,
      bound: `${MAX_NOSTR_EXCHANGE_BYTES / 1024} KiB, and what sockets hold`
    })
  })

  it('forged, stale and foreign records lead nowhere', async () => {
    const [now, addresses] = [Date.now(), ['/ip4/198.51.100.7/tcp/17476']]
    const good = await signedPresence({ addresses, issuedAt: now, expiresAt: now + 600_000 })
    const forged = { ...good, payload: good.payload.replace('198.51.100.7', '198.51.100.8') }
    const stolen = { ...good, payload: good.payload.replace(CONTRIBUTOR.peer, STRANGER.peer) }
    const stale = await signedPresence({ addresses })
    const foreign = await signedPresence({ mesh: '0'.repeat(32), issuedAt: now, expiresAt: now + 600_000 })
    const peers = [forged, stolen, stale, foreign, null, 1, {}, [], { payload: '{}', signature: '' }]
    const url = await tracker((_, response) => response.end(JSON.stringify({ peers })))
    const events = await relay((socket) => {
      for (const event of peers) socket.send(JSON.stringify(['EVENT', 'lobstah', event]))
      socket.send('not JSON')
      socket.send('["EOSE","lobstah"]')
    })
    const found = [...(await find(new TrackerBoard({ url }, self))), ...(await find(events))]
    assert.deepEqual(found, [])
    reportAttack({
      promise: PROMISE,
      attack: 'forged records',
      reached: `${found.length} taken`,
      bound: '0 taken'
    })
  })

  it('thousands of records make a few dials, and none to this machine or its networks', async () => {
    let hits = 0
    const decoy = createTcpServer((socket) => {
      hits++
      socket.destroy()
    }).listen(0, '0.0.0.0')
    await once(decoy, 'listening')
    const { port } = decoy.address() as AddressInfo
    const inside = ['127.0.0.1', '0.0.0.0', '169.254.169.254', '10.0.0.1', '192.168.0.1'].map(
      (ip) => `/ip4/${ip}/tcp/${port}`
    )
    inside.push(`/ip6/::ffff:7f00:1/tcp/${port}`, `/dns4/localhost/tcp/${port}`, '/unix/tmp', 'nonsense')
    const records = await strangers(3 * MAX_FOUND, inside, true)
    let looks = 0
    const url = await tracker((_, response) => {
      looks++
      response.end(JSON.stringify({ peers: records }))
    })
    const node = await mesh.node({
      loopbackPeers: false,
      failedDialMs: 100,
      rendezvous: {
        trackers: [url],
        nostr: [],
        nostrKeyFile: join(tmpdir(), 'unused.key'),
        announces: false,
        finds: true
      }
    })
    let dialled = 0
    const { dials } = node.libp2p.services
    const dialTold = dials.dialTold.bind(dials)
    dials.dialTold = (...given) => {
      dialled++
      return dialTold(...given)
    }
    await until(() => looks >= 2)
    await node.stop()
    decoy.close()
    assert.equal(hits, 0)
    assert.ok(dialled <= MAX_DIALS * looks, `${dialled} dials in ${looks} looks`)
    reportAttack({
      promise: PROMISE,
      attack: `${records.length} records of peers at this machine's and private addresses`,
      reached: `${hits} connections; ${dialled} dials tried in ${looks} looks`,
      bound: `0 connections; ${MAX_DIALS} dials tried a look`
    })
  })

  it('a tracker and a relay that never answer keep no node from stopping', async () => {
    let asked = 0
    const url = await tracker(() => {
      asked++
    })
    const node = await mesh.node({
      relay: true,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      rendezvous: {
        trackers: [url],
        nostr: [url.replace('http', 'ws')],
        nostrKeyFile: join(tmpdir(), `lobstah-${process.pid}.key`),
        announces: true,
        finds: true,
        loopbackPeers: true
      }
    })
    await until(() => asked >= 2)
    await node.stop()
    reportAttack({
      promise: PROMISE,
      attack: 'no answer at all',
      reached: 'the node stops',
      bound: 'the node stops'
    })
  })
})
