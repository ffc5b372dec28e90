import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { openPunch, proposePunch } from '../../protocols/index.ts'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../node/libp2p.ts'
import { LyingServer } from '../support/lying-server.ts'
import { Mesh, addressesOf, until } from '../support/mesh.ts'
import { ScriptedEngine, say } from '../support/scripted-engine.ts'
import { reportAttack } from './table.ts'

/** Trials of the guesser: half to learn from, half to be judged by. */
const TRIALS = 600

/** Trials at once. */
const BATCH = 100

/** How long a dial at a stranger's word takes to fail here, in milliseconds. */
const FAILED_DIAL_MS = 800

async function listen(server: Server, path?: string): Promise<number> {
  if (path === undefined) server.listen(0, '0.0.0.0')
  else server.listen(path)
  await once(server, 'listening')
  return path === undefined ? (server.address() as AddressInfo).port : 0
}

async function someone(): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

describe('attacks: dials at a stranger’s word', function () {
  this.timeout(60_000)
  const nodes: LobstahLibp2p[] = []
  const servers: Server[] = []
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.stop()
    for (const server of servers.splice(0)) server.close()
  })

  async function node(init: Partial<Parameters<typeof createLobstahLibp2p>[0]> = {}): Promise<LobstahLibp2p> {
    const made = await createLobstahLibp2p({
      privateKey: await generateKeyPair('Ed25519'),
      monitor: false,
      ...init
    })
    nodes.push(made)
    await made.start()
    return made
  }

  it('dials nothing of this machine, its links or its network, however the address is written', async () => {
    let connections = 0
    const canary = createServer((socket) => {
      connections++
      socket.on('error', () => undefined).destroy()
    })
    servers.push(canary)
    const port = await listen(canary)
    const folder = await mkdtemp(join(tmpdir(), 'lobstah-'))
    const unix = createServer(() => connections++)
    servers.push(unix)
    await listen(unix, join(folder, 's'))
    const own = Object.values(networkInterfaces())
      .flat()
      .filter((entry) => entry !== undefined)
      .map(({ address, family }) => `/ip${family.slice(-1)}/${address}/tcp/${port}`)
    const told = [
      ...own,
      `/ip4/127.0.0.1/tcp/${port}`,
      `/ip4/127.8.8.8/tcp/${port}/ws`,
      `/ip4/0.0.0.0/tcp/${port}`,
      `/ip6/::1/tcp/${port}`,
      `/ip6/::ffff:127.0.0.1/tcp/${port}`,
      `/ip6/64:ff9b::7f00:1/tcp/${port}`,
      `/ip6/2002:7f00:1::/tcp/${port}`,
      `/dns4/localhost/tcp/${port}`,
      `/dns/localhost/tcp/${port}/ws`,
      `/ip4/127.0.0.1/tcp/${port}/http-path/admin%2Freboot/ws`,
      `/ip4/169.254.169.254/tcp/80`,
      `/ip6/fd00:ec2::254/tcp/80`,
      `/ip4/10.0.0.1/tcp/${port}`,
      `/ip4/192.168.0.1/tcp/${port}`,
      `/ip4/100.64.0.1/tcp/${port}`,
      `/unix/${encodeURIComponent(join(folder, 's'))}`
    ]
    const victim = await node({ listen: ['/ip4/127.0.0.1/tcp/0'] })
    // By identify, in the stranger's own name and signed.
    const stranger = await node({ announce: told })
    await stranger.dial(victim.getMultiaddrs())
    await until(async () => {
      const known = await victim.peerStore.get(stranger.peerId).catch(() => undefined)
      return (known?.addresses.length ?? 0) > 0
    })
    await stranger.stop()
    await until(() => victim.getConnections(stranger.peerId).length === 0)
    // As the directory dials a contributor that was lost.
    await assert.rejects(victim.dial(stranger.peerId))
    // One by one, as an answer of the DHT has them.
    for (const address of told) {
      const peer = await someone()
      const to = multiaddr(`${address}/p2p/${peer.toString()}`)
      await assert.rejects(
        victim.services.dials.dialTold([to], { signal: AbortSignal.timeout(5000) }),
        address
      )
    }
    const liar = await LyingServer.start('closer', 20)
    try {
      await victim.dial(liar.libp2p.getMultiaddrs())
      await until(() => victim.services.dht.routingTable.size > 0)
      const found = victim.services.dht.getClosestPeers(Buffer.from('anything'), {
        signal: AbortSignal.timeout(2000)
      })
      await Array.fromAsync(found).catch(() => undefined)
      connections += liar.dials
    } finally {
      await liar.stop()
    }
    await rm(folder, { recursive: true })
    reportAttack({
      promise: 'a stranger has nothing dialled but public addresses',
      attack: `${told.length} spellings of this machine, its links and its network, by identify, the DHT and the dial-back's way`,
      reached: `${connections} connections`,
      bound: '0 connections'
    })
    assert.equal(connections, 0)
  })

  it('tells a stranger nothing by the time that a failed dial takes', async () => {
    // Loopback stands for the open internet here.
    const victim = await node({ loopbackPeers: true, failedDialMs: FAILED_DIAL_MS })
    const silent = createServer((socket) => socket.on('error', () => undefined))
    const answers = createServer((socket) =>
      socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n')
    )
    servers.push(silent, answers)
    const openPorts = [await listen(silent), await listen(answers)]
    const closing = createServer()
    const closed = await listen(closing)
    closing.close()

    /** Milliseconds until the stranger's own door is reached, and until the dial has failed, which the next one follows. */
    const trial = async (port: number): Promise<[number, number]> => {
      const peer = await someone()
      const from = performance.now()
      let reached = Infinity
      const door = createServer((socket) => {
        reached = Math.min(reached, performance.now() - from)
        socket.on('error', () => undefined).destroy()
      })
      const own = await listen(door)
      await victim.peerStore.merge(peer, {
        multiaddrs: [multiaddr(`/ip4/127.0.0.1/tcp/${port}`), multiaddr(`/ip4/127.0.0.1/tcp/${own}/ws`)]
      })
      await assert.rejects(victim.dial(peer, { signal: AbortSignal.timeout(20_000) }))
      door.close()
      return [reached, performance.now() - from]
    }

    const results: { open: boolean; times: [number, number] }[] = []
    for (let batch = 0; batch < TRIALS; batch += BATCH) {
      results.push(
        ...(await Promise.all(
          Array.from({ length: BATCH }, async (_, n) => {
            const open = n % 2 === 0
            const port = open ? openPorts[(n / 2) % 2] : closed
            return { open, times: await trial(port ?? 0) }
          })
        ))
      )
    }
    assert.ok(
      results.every(({ times }) => times[0] < Infinity),
      'the stranger is dialled at its own address'
    )
    const right = Math.max(guessedRight(results, 0), guessedRight(results, 1))
    reportAttack({
      promise: 'a failed dial tells a stranger nothing by its time',
      attack: `${TRIALS} dials of [a port, the stranger itself], open or closed guessed by when the stranger is reached and dialled again`,
      reached: `${right} right in 100`,
      bound: '60 right in 100'
    })
    assert.ok(right <= 60, `${right} right in 100`)
  })

  it('probes no address that a peer copied into its offer', async () => {
    const canary = createSocket('udp4')
    let packets = 0
    canary.on('message', () => packets++)
    canary.bind(0, '127.0.0.2')
    await once(canary, 'listening')
    const mesh = new Mesh()
    try {
      const relay = await mesh.relay()
      const bootstrap = addressesOf(relay)
      const engine = new ScriptedEngine(() => say(['fine']))
      const victim = await mesh.node({ bootstrap, contribute: true, engine, listen: ['/p2p-circuit'] })
      await until(() => addressesOf(victim).length > 0)
      const stranger = await node({ loopbackPeers: true })
      await stranger.dial(relay.libp2p.getMultiaddrs())
      const circuit = await stranger.dial(victim.libp2p.getMultiaddrs())
      const signal = AbortSignal.timeout(20_000)
      // The address at which the victim's relay would have to see the stranger.
      const copied = [{ address: '127.0.0.2', port: canary.address().port }]
      const end = { observed: copied, local: copied, mapping: 'stable' as const }
      const stream = await openPunch(circuit, { signal })
      await proposePunch(stream, { type: 'offer', token: '00'.repeat(16), udp: end, tcp: end }, { signal })
      // It is done with the attempt.
      if (!stream.readableEnded) await once(stream, 'end', { signal })
    } finally {
      await mesh.stop()
      canary.close()
    }
    reportAttack({
      promise: 'a peer is punched for where its relay sees it, and nowhere else',
      attack: 'an offer with the address of another, copied as the own',
      reached: `${packets} packets`,
      bound: '0 packets'
    })
    assert.equal(packets, 0)
  })
})

/** How many in 100 a guesser gets right with the best threshold of one half of the trials, on the other half. */
function guessedRight(results: { open: boolean; times: [number, number] }[], feature: 0 | 1): number {
  const [learnt, judged] = [results.filter((_, n) => n % 4 < 2), results.filter((_, n) => n % 4 >= 2)]
  const right = (set: typeof results, threshold: number, later: boolean): number =>
    set.filter(({ open, times }) => (open === times[feature] > threshold) === later).length / set.length
  const guesses = learnt.flatMap(({ times }) =>
    [true, false].map((later) => ({ threshold: times[feature], later }))
  )
  const [best] = guesses.toSorted(
    (a, b) => right(learnt, b.threshold, b.later) - right(learnt, a.threshold, a.later)
  )
  return Math.round(100 * (best === undefined ? 1 : right(judged, best.threshold, best.later)))
}
