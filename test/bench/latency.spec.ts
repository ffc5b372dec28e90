import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { z } from 'zod'

const SCRIPT = fileURLToPath(new URL('../../bench/latency.ts', import.meta.url))

const times = z.object({ p50: z.number(), p95: z.number(), p99: z.number() })
const result = z.strictObject({
  date: z.iso.datetime(),
  machine: z.object({ node: z.string(), cores: z.number() }),
  rounds: z.literal(1),
  tokens: z.literal(4),
  burst: z.literal(true),
  rows: z.array(
    z.object({
      path: z.string(),
      streams: z.literal(3),
      ttftMs: times,
      ttftAddedMs: times.nullable(),
      chunkMs: times,
      chunkAddedMs: times.nullable(),
      chunks: z.number(),
      errors: z.record(z.string(), z.number()),
      routes: z.record(z.string(), z.number()),
      cpuMsPerChunk: z.record(z.string(), z.number()),
      peakRssMb: z.record(z.string(), z.number().positive())
    })
  )
})

describe('bench/latency', function () {
  // Seven processes, started one after another.
  this.timeout(120_000)

  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lobstah-test-'))
  })
  after(async () => {
    await rm(folder, { recursive: true })
  })

  it('measures every way to the engine, without a failed stream', async () => {
    const file = join(folder, 'deeper', 'latency.json')
    const load = ['--streams', '3', '--rounds', '1', '--tokens', '4', '--requests', '2', '--burst']
    const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, ...load, '--json', file])
    assert.match(stdout, /\| mesh, relayed +\| 3 /)
    const { rows } = result.parse(JSON.parse(await readFile(file, 'utf8')))
    assert.deepEqual(
      rows.map(({ path, errors, routes, chunks }) => ({ path, errors, routes, chunks })),
      [
        { path: 'a', errors: {}, routes: {}, chunks: 24 },
        { path: 'b', errors: {}, routes: {}, chunks: 24 },
        { path: 'c', errors: {}, routes: { direct: 6 }, chunks: 24 },
        { path: 'd', errors: {}, routes: { relayed: 6 }, chunks: 24 }
      ]
    )
    assert.deepEqual(
      rows.map(({ peakRssMb }) => Object.keys(peakRssMb).sort()),
      [
        ['engine'],
        ['bare relay', 'engine'],
        ['consumer', 'contributor', 'engine'],
        ['consumer', 'contributor', 'engine', 'relay']
      ]
    )
    assert.ok(rows.every(({ chunkMs }) => chunkMs.p50 > 0 && chunkMs.p50 <= chunkMs.p99))
    assert.deepEqual(
      rows.map(({ ttftAddedMs, chunkAddedMs }) => ttftAddedMs !== null && chunkAddedMs !== null),
      [false, true, true, true]
    )
  })
})
