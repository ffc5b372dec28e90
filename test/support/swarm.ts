import { setTimeout as delay } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { NoProviderError } from '../../protocols/index.ts'
import { BootstrapKeeper, ProviderRecords } from '../../node/discovery/index.ts'
import { createLobstahLibp2p, type LobstahLibp2p } from '../../node/libp2p.ts'
import type { Lobstah } from '../../node/lobstah.ts'
import { createRelay, type Network } from '../../node/network.ts'
import { Mesh, ask } from './mesh.ts'
import { ScriptedEngine, say } from './scripted-engine.ts'

/** Observations of a swarm; times in milliseconds. */
export interface SwarmResult {
  nodes: number
  relays: number
  contributors: number
  lookups: number
  /** Look-ups that led to a contributor that was dialled. */
  found: number
  /** Why the others did not. */
  failures: string[]
  p50: number
  p95: number
  /** From the start of a node that knows nobody to its first token from a contributor. */
  firstTokenMs: number
  /** From the start of the first node until all have found their place. */
  startMs: number
}

/** A node that only looks up: no ledger, no consumer. */
interface Looker {
  libp2p: LobstahLibp2p
  keeper: BootstrapKeeper
  records: ProviderRecords
}

/** Longest wait for the swarm to come together, and for the first token, in milliseconds: a busy machine is slow. */
const PATIENCE_MS = 120_000

/** Longest dial of one contributor that was found, in milliseconds; how long it took is measured. */
const DIAL_TIMEOUT_MS = 60_000

/** Nodes that are dialled into the mesh at once. */
const BATCH = 10

/** Most relays: every node comes to be connected to all of them, and this process pays for both ends. */
const MAX_RELAYS = 10

/**
 * Runs a swarm in this process: a tenth are relays, ten at most, which are the DHT's servers; a tenth contribute
 * through them; all others look for a contributor, `rounds` times each. Then one node more starts afresh, and asks.
 * Nobody punches holes: on one machine there is nothing to punch. `progress` hears how far it is.
 */
export async function swarm(
  nodes: number,
  rounds: number,
  progress: (stage: string) => void = () => undefined
): Promise<SwarmResult> {
  const mesh = new Mesh()
  const relays: Network[] = []
  const lookers: Looker[] = []
  try {
    const from = performance.now()
    const tenth = Math.max(2, Math.floor(nodes / 10))
    const bootstrapOf = (i: number): string[] =>
      [relays[i % relays.length], relays[(i + 1) % relays.length]].flatMap(
        (relay) => relay?.libp2p.getMultiaddrs().map(String) ?? []
      )
    for (let i = 0; i < Math.min(tenth, MAX_RELAYS); i++) relays.push(await startRelay(relays[0]))
    const contributors: Lobstah[] = []
    await inBatches(tenth, async (i) => {
      const engine = new ScriptedEngine(() => say(['fine']))
      const listen = ['/p2p-circuit']
      const bootstrap = bootstrapOf(i)
      contributors.push(
        await mesh.node({ bootstrap, contribute: true, engine, listen, monitor: false, punch: false })
      )
    })
    progress('relays and contributors run')
    await settled(() => contributors.every((node) => node.relays.held().length > 0))
    await inBatches(nodes - relays.length - tenth, async (i) => {
      lookers.push(await startLooker(bootstrapOf(i)))
    })
    progress('all nodes run')
    await settled(() => lookers.every(({ libp2p }) => libp2p.services.dht.routingTable.size > 0))
    progress('all know DHT servers')
    const [first] = lookers
    await settled(async () => first !== undefined && (await providers(first)).length >= Math.min(tenth, 10))
    const startMs = performance.now() - from
    const times: number[] = []
    const failures: string[] = []
    for (let round = 0; round < rounds; round++) {
      progress(`round ${round + 1} of ${rounds}`)
      for (const looker of lookers) {
        const asked = performance.now()
        const failure = await findLive(looker)
        if (failure !== undefined) failures.push(failure)
        times.push(performance.now() - asked)
      }
    }
    progress('looked up')
    times.sort((a, b) => a - b)
    const at = (share: number): number =>
      times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? NaN
    const firstTokenMs = await firstToken(mesh, bootstrapOf(0))
    const found = times.length - failures.length
    return {
      nodes,
      relays: relays.length,
      contributors: tenth,
      lookups: times.length,
      found,
      failures,
      p50: at(0.5),
      p95: at(0.95),
      firstTokenMs,
      startMs
    }
  } finally {
    await inBatches(lookers.length, async (i) => {
      await lookers[i]?.keeper.stop()
      await lookers[i]?.records.stop()
      await lookers[i]?.libp2p.stop()
    })
    await mesh.stop()
    await Promise.all(relays.map((relay) => relay.stop()))
  }
}

async function startRelay(first: Network | undefined): Promise<Network> {
  const relay = await createRelay({
    loopbackPeers: true,
    privateKey: await generateKeyPair('Ed25519'),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    monitor: false,
    bootstrap: first?.libp2p.getMultiaddrs().map(String) ?? []
  })
  await relay.start()
  return relay
}

async function startLooker(bootstrap: string[]): Promise<Looker> {
  const privateKey = await generateKeyPair('Ed25519')
  const libp2p = await createLobstahLibp2p({ loopbackPeers: true, privateKey, listen: [], monitor: false })
  const log = defaultLogger().forComponent('swarm')
  const keeper = new BootstrapKeeper({ peers: bootstrap.map((text) => multiaddr(text)) }, { libp2p, log })
  const records = new ProviderRecords({ libp2p, log })
  await libp2p.start()
  keeper.start()
  records.start()
  return { libp2p, keeper, records }
}

/** Peers that are said to serve the model. */
async function providers({ records }: Looker): Promise<PeerId[]> {
  return await Array.fromAsync(records.find('scripted:1b', AbortSignal.timeout(PATIENCE_MS)))
}

/** Looks up, and dials until somebody is reached; says why nobody is. */
async function findLive(looker: Looker): Promise<string | undefined> {
  const { libp2p, records } = looker
  const problems: string[] = []
  const found = records.find('scripted:1b', AbortSignal.timeout(PATIENCE_MS))
  for await (const peer of found) {
    try {
      const connection = await libp2p.dial(peer, { signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) })
      await connection.close()
      return undefined
    } catch (err) {
      problems.push(String(err))
    }
  }
  const servers = libp2p.services.dht.routingTable.size
  return `with ${servers} DHT servers known: ${problems.join('; ') || 'no record'}`
}

async function firstToken(mesh: Mesh, bootstrap: string[]): Promise<number> {
  const from = performance.now()
  const node = await mesh.node({ bootstrap, punch: false })
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

/** Resolves when a condition holds, or has not for too long: what comes next will show it. */
async function settled(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await condition()) && performance.now() < deadline) await delay(50)
}

async function inBatches(count: number, work: (i: number) => Promise<void>): Promise<void> {
  for (let at = 0; at < count; at += BATCH) {
    await Promise.all(Array.from({ length: Math.min(BATCH, count - at) }, (_, i) => work(at + i)))
  }
}
