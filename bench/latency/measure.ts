import { cpuMs, peakRssMb, type Part } from './processes.ts'
import { run, type Load, type LoadResult } from './load.ts'
import type { Path, PathId } from './paths.ts'
import { median, percentile } from './statistics.ts'

/** One load over one path. */
interface Sample extends LoadResult {
  cpuMs: Record<string, number>
}

/** Milliseconds. */
export interface Times {
  p50: number
  p95: number
  p99: number
}

/** The figures of one path at one number of streams: each figure is the median of its rounds. */
export interface Row {
  path: PathId
  streams: number
  ttftMs: Times
  /** Over the direct path of the same round; null without one. */
  ttftAddedMs: Times | null
  chunkMs: Times
  chunkAddedMs: Times | null
  chunks: number
  errors: Record<string, number>
  routes: Record<string, number>
  /** Of all threads, by kind of process. */
  cpuMsPerChunk: Record<string, number>
  /** Since its start, by kind of process. */
  peakRssMb: Record<string, number>
}

export interface Plan extends Omit<Load, 'url' | 'model'> {
  rounds: number
}

/** Measures all paths at one number of streams, taking turns, so that a busy machine is busy for all of them. */
export async function measure(paths: Path[], plan: Plan): Promise<Row[]> {
  const samples = new Map<PathId, Sample[]>(paths.map(({ id }) => [id, []]))
  // The first load compiles code and opens connections.
  for (const { url, model } of paths) await run({ ...plan, url, model, requests: 1 })
  for (let round = 0; round < plan.rounds; round++) {
    for (const path of paths) samples.get(path.id)!.push(await sample(path, plan))
  }
  return paths.map((path) => summarize(path, plan.streams, samples.get(path.id)!, samples.get('a')))
}

async function sample({ url, model, parts }: Path, plan: Plan): Promise<Sample> {
  const measured: Part[] = [{ kind: 'client', pid: process.pid, ready: { addresses: [] } }, ...parts]
  const before = measured.map(({ pid }) => cpuMs(pid))
  const result = await run({ ...plan, url, model })
  const used = measured.map(({ kind, pid }, index) => [kind, cpuMs(pid) - before[index]!] as const)
  return { ...result, cpuMs: Object.fromEntries(used) }
}

function summarize(path: Path, streams: number, samples: Sample[], direct: Sample[] | undefined): Row {
  const times = (pick: (sample: Sample) => number[]): Pick<Row, 'ttftMs' | 'ttftAddedMs'> => {
    const own = samples.map((sample) => timesOf(pick(sample)))
    const added = direct?.map((sample, round) => subtract(own[round]!, timesOf(pick(sample))))
    return {
      ttftMs: medians(own),
      ttftAddedMs: path.id === 'a' || added === undefined ? null : medians(added)
    }
  }
  const ttft = times((sample) => sample.ttftMs)
  const chunk = times((sample) => sample.chunkMs)
  const perChunk = (kind: string): number =>
    median(samples.map((sample) => sample.cpuMs[kind]! / tokens(sample)))
  return {
    path: path.id,
    streams,
    ...ttft,
    chunkMs: chunk.ttftMs,
    chunkAddedMs: chunk.ttftAddedMs,
    chunks: samples.reduce((sum, sample) => sum + tokens(sample), 0),
    errors: total(samples.map(({ errors }) => errors)),
    routes: total(samples.map(({ routes }) => routes)),
    cpuMsPerChunk: Object.fromEntries(Object.keys(samples[0]!.cpuMs).map((kind) => [kind, perChunk(kind)])),
    peakRssMb: Object.fromEntries(path.parts.map(({ kind, pid }) => [kind, peakRssMb(pid)]))
  }
}

function tokens({ ttftMs, chunkMs }: Sample): number {
  return ttftMs.length + chunkMs.length
}

function timesOf(values: number[]): Times {
  return { p50: percentile(values, 0.5), p95: percentile(values, 0.95), p99: percentile(values, 0.99) }
}

function subtract(left: Times, right: Times): Times {
  return { p50: left.p50 - right.p50, p95: left.p95 - right.p95, p99: left.p99 - right.p99 }
}

function medians(rounds: Times[]): Times {
  const of = (key: keyof Times): number => median(rounds.map((times) => times[key]))
  return { p50: of('p50'), p95: of('p95'), p99: of('p99') }
}

function total(counts: Record<string, number>[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const each of counts)
    for (const [key, count] of Object.entries(each)) sum[key] = (sum[key] ?? 0) + count
  return sum
}
