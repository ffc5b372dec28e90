import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { BenchmarkError } from './errors.ts'
import type { Part, Processes } from './processes.ts'

/** The ways to the engine, by the letter of `--paths`. */
export const PATHS = {
  a: 'engine itself',
  b: 'bare Fastify relay',
  c: 'mesh, direct',
  d: 'mesh, relayed'
} as const

export type PathId = keyof typeof PATHS

/** Where a load asks, and which processes work on the answer. */
export interface Path {
  id: PathId
  url: string
  model: string
  parts: Part[]
  /** The route that the gateway must report; undefined where there is none. */
  route?: string
}

export interface MeshOptions {
  /** Folder for the nodes' homes. */
  folder: string
  /** Streams that a contributor serves at once. */
  slots: number
  /** Where each node leaves a CPU profile when it ends. */
  cpuProfiles?: string
}

/** Longest wait for the mesh to come together, in milliseconds. */
const PATIENCE_MS = 60_000

const models = z.object({ data: z.array(z.object({ id: z.string() })) })

/** Starts the processes that the paths need. */
export async function startPaths(ids: PathId[], processes: Processes, options: MeshOptions): Promise<Path[]> {
  const meshed = ids.some((id) => id === 'c' || id === 'd')
  const [engine, relay] = await Promise.all([
    processes.start('engine', [here('engine.ts')]),
    meshed ? startRelay(processes, options) : undefined
  ])
  const consuming = relay && startConsumer(processes, options, relay)
  return await Promise.all(
    ids.map(async (id) => {
      const url = engine.ready.gateway!
      if (relay !== undefined && (id === 'c' || id === 'd')) {
        return await startMeshPath(id, processes, options, { engine, relay, consuming: consuming! })
      }
      if (id === 'a') return { id, url, model: 'bench', parts: [engine] }
      const bare = await processes.start('bare relay', [here('bare-relay.ts'), url])
      return { id, url: bare.ready.gateway!, model: 'bench', parts: [engine, bare] }
    })
  )
}

interface Mesh {
  engine: Part
  relay: Part
  consuming: Promise<Part>
}

async function startMeshPath(
  id: 'c' | 'd',
  processes: Processes,
  options: MeshOptions,
  { engine, relay, consuming }: Mesh
): Promise<Path> {
  const [route, listen] = id === 'c' ? ['direct', '/ip4/127.0.0.1/tcp/0'] : ['relayed', '/p2p-circuit']
  const model = `bench-${route}`
  const slots = String(options.slots)
  const contributing = startNode(processes, options, 'contributor', `contributor-${route}`, [
    '--contribute',
    '--no-gateway',
    ...['--bootstrap', relay.ready.addresses[0]!],
    ...['--listen', listen],
    ...['--engine', 'openai', '--engine-url', `${engine.ready.gateway!}/${model}`],
    // A slot is free when its stream is settled, which may be after the next one has come.
    ...['--slots', slots, '--queue', slots],
    // Nobody pays: a run must not end at a credit line.
    ...['--credit-line', JSON.stringify({ strangers: Number.MAX_SAFE_INTEGER })]
  ])
  const [consumer, contributor] = await Promise.all([consuming, contributing])
  const url = consumer.ready.gateway!
  await listed(url, model)
  const parts = [engine, contributor, consumer, ...(id === 'd' ? [relay] : [])]
  return { id, url, model, parts, route }
}

function startRelay(processes: Processes, options: MeshOptions): Promise<Part> {
  return startNode(processes, options, 'relay', 'relay', [
    '--relay',
    '--no-gateway',
    // Peers get off a relay by STUN, which they ask over IPv4 only: path d is to stay relayed.
    ...['--listen', '/ip6/::1/tcp/0'],
    ...['--engine', 'none']
  ])
}

function startConsumer(processes: Processes, options: MeshOptions, relay: Part): Promise<Part> {
  return startNode(processes, options, 'consumer', 'consumer', [
    ...['--bootstrap', relay.ready.addresses[0]!],
    ...['--engine', 'none'],
    ...['--gateway-port', '0']
  ])
}

async function startNode(
  processes: Processes,
  { folder, cpuProfiles }: MeshOptions,
  kind: string,
  name: string,
  args: string[]
): Promise<Part> {
  const profiling =
    cpuProfiles === undefined
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${cpuProfiles}`, `--cpu-prof-name=${name}.cpuprofile`]
  const main = fileURLToPath(new URL('../../node/entry/main.ts', import.meta.url))
  const access = ['--serve-access', 'mesh', '--ask-access', 'mesh', '--loopback-peers']
  const common = ['--home', join(folder, name), '--json', '--log-level', 'error', ...access]
  return await processes.start(kind, [...profiling, main, ...common, ...args])
}

async function listed(url: string, model: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (performance.now() < deadline) {
    const { data } = models.parse(await (await fetch(`${url}/v1/models`)).json())
    if (data.some(({ id }) => id === model)) return
    await delay(100)
  }
  throw new BenchmarkError(`The consumer did not find ${model}`)
}

function here(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}
