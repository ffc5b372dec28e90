/**
 * A swarm in one process: how often a look-up leads to a live contributor, how long it takes, and how long a
 * fresh node takes from its start to its first token from another. `--nodes` (200), `--rounds` (2), `--json`.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { swarm } from '../test/support/swarm.ts'

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false }
  }
})
const result = await swarm(Number(values.nodes), Number(values.rounds))
const memoryMb = Math.round(process.memoryUsage.rss() / 2 ** 20)
if (values.json)
  console.log(JSON.stringify({ ...result, memoryMb, cores: cpus().length, node: process.version }))
else {
  const ms = (value: number): string => `${value.toFixed(0)} ms`
  console.log(`${result.nodes} nodes, ${memoryMb} MB, ${cpus().length} cores, Node ${process.version}`)
  console.log(`look-ups that found a live contributor: ${result.found} of ${result.lookups}`)
  console.log(`look-up and dial: p50 ${ms(result.p50)}, p95 ${ms(result.p95)}`)
  console.log(`fresh node, start to first remote token: ${ms(result.firstTokenMs)}`)
}
