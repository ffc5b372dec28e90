/** Measures the latency that the mesh adds to an answer: `npm run bench:latency -- --help`. See README.md. */
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { measure, type Row } from './latency/measure.ts'
import { PATHS, startPaths, type PathId } from './latency/paths.ts'
import { Processes } from './latency/processes.ts'
import { report } from './latency/report.ts'

interface Flags {
  streams: number[]
  rounds: number
  tokens: number
  requests?: number
  paths: PathId[]
  burst: boolean
  json: string
  cpuProf?: string
}

/** Streams that a round has at least, so that its median says something. */
const MIN_STREAMS_A_ROUND = 8

/** Streams in a row by default: between the first and the last, all are open. */
const MIN_REQUESTS = 3

const flags = new Command('bench:latency')
  .description('Measures time to first token and per-chunk latency of the mesh over a synthetic engine.')
  .option('--streams <list>', 'streams open at the same time', list(positive), [1, 32, 200])
  .option('--rounds <n>', 'rounds, of which the median counts', positive, 3)
  .option('--tokens <n>', 'tokens of a stream, at 20 a second', positive, 40)
  .option('--requests <n>', 'streams in a row; by default 3, or more for few streams', positive)
  .option('--paths <list>', `ways to the engine: ${describe()}`, list(pathId), Object.keys(PATHS) as PathId[])
  .option('--burst', 'start all streams at once instead of spread over time', false)
  .option(
    '--json <file>',
    'where the figures go',
    fileURLToPath(new URL('results/latency.json', import.meta.url))
  )
  .option('--cpu-prof <folder>', 'leave CPU profiles of the nodes there')
  .parse()
  .opts<Flags>()

const folder = await mkdtemp(join(tmpdir(), 'lobstah-bench-'))
const processes = new Processes()
const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
try {
  await Promise.race([benchmark(), interrupted.then(() => (process.exitCode = 130))])
} finally {
  await processes.stop()
  await rm(folder, { recursive: true })
}
// Requests that an interruption left waiting.
process.exit()

async function benchmark(): Promise<void> {
  const { rounds, tokens, burst, cpuProf: cpuProfiles } = flags
  const slots = Math.max(...flags.streams)
  const paths = await startPaths(flags.paths, processes, {
    folder,
    slots,
    ...(cpuProfiles && { cpuProfiles })
  })
  const rows: Row[] = []
  for (const streams of flags.streams) {
    const requests = flags.requests ?? Math.max(MIN_REQUESTS, Math.ceil(MIN_STREAMS_A_ROUND / streams))
    rows.push(...(await measure(paths, { streams, rounds, tokens, requests, burst })))
  }
  console.log(report(rows))
  for (const { id, route } of paths) {
    const taken = rows.filter((row) => row.path === id).flatMap(({ routes }) => Object.keys(routes))
    if (taken.some((other) => other !== route)) console.log(`\n${PATHS[id]} also went: ${taken.join(', ')}`)
  }
  await mkdir(dirname(flags.json), { recursive: true })
  const date = new Date().toISOString()
  await writeFile(flags.json, JSON.stringify({ date, machine: machine(), rounds, tokens, burst, rows }))
  if (rows.some(({ errors }) => Object.keys(errors).length > 0)) process.exitCode = 1
}

function machine(): object {
  return {
    node: process.version,
    cores: availableParallelism(),
    cpu: cpus()[0]?.model,
    platform: process.platform
  }
}

function describe(): string {
  return Object.entries(PATHS)
    .map(([id, name]) => `${id} ${name}`)
    .join(', ')
}

function list<T>(item: (text: string) => T): (text: string) => T[] {
  return (text) => text.split(',').map(item)
}

function positive(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('expected a whole number above 0')
}

function pathId(text: string): PathId {
  if (text in PATHS) return text as PathId
  throw new InvalidArgumentError(`expected one of ${Object.keys(PATHS).join(', ')}`)
}
