import { generateKeyPair } from '@libp2p/crypto/keys'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { NoProviderError } from '../../protocols/index.ts'
import { BootstrapKeeper, ProviderRecords } from '../../node/discovery/index.ts'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../node/libp2p.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import { createRelay, type Relay } from '../../node/relay.ts'
import { Mesh, ask, until } from './mesh.ts'
import { ScriptedEngine, say } from './scripted-engine.ts'

/** What a swarm was seen to do; times in milliseconds. */
export interface SwarmResult {
  nodes: number
  lookups: number
  /** Look-ups that led to a contributor that was dialled. */
  found: number
  p50: number
  p95: number
  /** From the start of a node that knows nobody to its first token from a contributor. */
  firstTokenMs: number
}

/** A node that only looks up: no ledger, no consumer. */
interface Looker {
  libp2p: LobstahLibp2p
  keeper: BootstrapKeeper
  records: ProviderRecords
}

/** Longest wait for the first token, in milliseconds. */
const PATIENCE_MS = 60_000

/** Nodes that are dialled into the mesh at once. */
const BATCH = 10

/**
 * Runs a swarm in this process: a tenth are relays, which are the DHT's servers; a tenth contribute through them;
 * all others look for a contributor, `rounds` times each. Then one node more starts afresh, and asks.
 */
export async function swarm(nodes: number, rounds: number): Promise<SwarmResult> {
  const mesh = new Mesh()
  const relays: Relay[] = []
  const lookers: Looker[] = []
  try {
    const tenth = Math.max(2, Math.floor(nodes / 10))
    const bootstrapOf = (i: number): string[] =>
      [relays[i % relays.length], relays[(i + 1) % relays.length]].flatMap(
        (relay) => relay?.libp2p.getMultiaddrs().map(String) ?? []
      )
    for (let i = 0; i < tenth; i++) relays.push(await startRelay(relays[0]))
    const contributors: Lobstah[] = []
    await inBatches(tenth, async (i) => {
      const engine = new ScriptedEngine(() => say(['fine']))
      const listen = ['/p2p-circuit']
      contributors.push(await mesh.node({ bootstrap: bootstrapOf(i), contribute: true, engine, listen }))
    })
    await until(() => contributors.every((node) => node.relays.held().length > 0))
    await inBatches(nodes - 2 * tenth, async (i) => {
      lookers.push(await startLooker(bootstrapOf(i)))
    })
    await until(() => lookers.every(({ libp2p }) => libp2p.services.dht.routingTable.size > 0))
    const times: number[] = []
    let found = 0
    for (let round = 0; round < rounds; round++) {
      for (const looker of lookers) {
        const from = performance.now()
        if (await findLive(looker)) found++
        times.push(performance.now() - from)
      }
    }
    times.sort((a, b) => a - b)
    const at = (share: number): number =>
      times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? NaN
    const firstTokenMs = await firstToken(mesh, bootstrapOf(0))
    return { nodes, lookups: times.length, found, p50: at(0.5), p95: at(0.95), firstTokenMs }
  } finally {
    for (const { libp2p, keeper, records } of lookers) {
      await keeper.stop()
      await records.stop()
      await libp2p.stop()
    }
    await mesh.stop()
    await Promise.all(relays.map((relay) => relay.stop()))
  }
}

async function startRelay(first: Relay | undefined): Promise<Relay> {
  const relay = await createRelay({
    privateKey: await generateKeyPair('Ed25519'),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: first?.libp2p.getMultiaddrs().map(String) ?? []
  })
  await relay.start()
  return relay
}

async function startLooker(bootstrap: string[]): Promise<Looker> {
  const libp2p = await createLobstahLibp2p({ privateKey: await generateKeyPair('Ed25519'), listen: [] })
  const log = defaultLogger().forComponent('swarm')
  const keeper = new BootstrapKeeper({ peers: bootstrap.map((text) => multiaddr(text)) }, { libp2p, log })
  const records = new ProviderRecords({ libp2p, log })
  await libp2p.start()
  keeper.start()
  records.start()
  return { libp2p, keeper, records }
}

/** Whether a look-up leads to a contributor that can be dialled. */
async function findLive({ libp2p, records }: Looker): Promise<boolean> {
  const signal = AbortSignal.timeout(15_000)
  try {
    for await (const peer of records.find('scripted:1b', signal)) {
      const connection = await libp2p.dial(peer, { signal }).catch(() => undefined)
      if (connection === undefined) continue
      await connection.close()
      return true
    }
  } catch {
    // Out of time: not found.
  }
  return false
}

async function firstToken(mesh: Mesh, bootstrap: string[]): Promise<number> {
  const from = performance.now()
  const node = await mesh.node({ bootstrap })
  // A machine that is busy may take longer than a question waits for a mesh to come together.
  while (performance.now() - from < PATIENCE_MS) {
    try {
      for await (const event of node.consumer.infer(ask('Hi'))) {
        if (event.type === 'delta') return performance.now() - from
      }
    } catch (err) {
      if (!(err instanceof NoProviderError)) throw err
    }
  }
  return NaN
}

async function inBatches(count: number, work: (i: number) => Promise<void>): Promise<void> {
  for (let at = 0; at < count; at += BATCH) {
    await Promise.all(Array.from({ length: Math.min(BATCH, count - at) }, (_, i) => work(at + i)))
  }
}
