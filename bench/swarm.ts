/**
 * A swarm in one process: how often a look-up leads to a live contributor, how long it takes, and how long a
 * fresh node takes from its start to its first token from another. `--nodes` (200), `--rounds` (1), `--json`.
 * Writes `bench/results/swarm-<nodes>.json`.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { swarm } from '../test/support/swarm.ts'

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false }
  }
})
const progress = (stage: string): void => console.error(`${Math.round(performance.now() / 1000)} s: ${stage}`)
const result = await swarm(Number(values.nodes), Number(values.rounds), progress)
const memoryMb = Math.round(process.memoryUsage.rss() / 2 ** 20)
const cpuSeconds = Math.round(process.cpuUsage().user / 1e6)
const record = { ...result, memoryMb, cpuSeconds, cores: cpus().length, node: process.version }
const folder = join(import.meta.dirname, 'results')
await mkdir(folder, { recursive: true })
const file = join(folder, `swarm-${result.nodes}.json`)
await writeFile(file, `${JSON.stringify({ date: new Date().toISOString(), ...record }, null, 2)}\n`)
if (values.json) console.log(JSON.stringify(record))
else {
  const ms = (value: number): string => `${value.toFixed(0)} ms`
  console.log(
    `${result.nodes} nodes (${result.relays} relays, ${result.contributors} contributors), ${memoryMb} MB, ${cpuSeconds} s of CPU, ${record.cores} cores, Node ${record.node}`
  )
  console.log(`all nodes together after ${ms(result.startMs)}`)
  console.log(`look-ups that found a live contributor: ${result.found} of ${result.lookups}`)
  for (const failure of result.failures) console.log(`  not found, ${failure}`)
  console.log(`look-up and dial: p50 ${ms(result.p50)}, p95 ${ms(result.p95)}`)
  console.log(`fresh node, start to first remote token: ${ms(result.firstTokenMs)}`)
  console.log(`written to ${relative(process.cwd(), file)}`)
}
process.exitCode = result.found === result.lookups ? 0 : 1
