/**
 * Runs a relay, a contributor and a consumer, each a process of its own, in a mesh in which four of five peers are
 * hostile, and watches their memory, descriptors, disk and log from outside. Any figure that is not flat fails the run.
 *
 * `SOAK_MINUTES` says how long (30); `SOAK_INTERVAL_S` how often it looks (10).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startOpenaiServer } from '../support/engines/openai-server.ts'
import { Mesh } from '../support/mesh.ts'
import { SCRIPTED_MODEL, ScriptedEngine, say } from '../support/scripted-engine.ts'
import { clients } from './clients.ts'
import { hostileConsumers } from './hostile-consumers.ts'
import { hostileContributors } from './hostile-contributors.ts'
import { hostileGuests } from './hostile-guests.ts'
import { isFlat, judge } from './judge.ts'
import { MeasuredNode } from './measured-node.ts'

const MINUTES = Number(process.env.SOAK_MINUTES ?? 30)
const INTERVAL_MS = Number(process.env.SOAK_INTERVAL_S ?? 10) * 1000

/** Honest contributors, the one that is measured among them; hostile ones are four times as many. */
const HONEST = 3

/** How long a hostile contributor stays before one with a new key takes its place, in milliseconds. */
const LIFE_MS = 20_000

const MODEL = { ...SCRIPTED_MODEL, id: 'tiny:1b', digest: null }

const folder = await mkdtemp(join(tmpdir(), 'lobstah-soak-'))
const engine = await startOpenaiServer({ models: [{ id: MODEL.id }] })
const mesh = new Mesh()
const stop = new AbortController()
const nodes: MeasuredNode[] = []

function write(text: string): void {
  process.stdout.write(`${text}\n`)
}

async function measured(role: string, args: string[]): Promise<MeasuredNode> {
  const node = await MeasuredNode.start(role, folder, ['--listen', '/ip4/127.0.0.1/tcp/0', ...args])
  nodes.push(node)
  return node
}

try {
  const relay = await measured('relay', ['--relay', '--engine', 'none'])
  const bootstrap = relay.node.addresses
  const joins = ['--bootstrap', bootstrap.join(',')]
  const consumer = await measured('consumer', [...joins, '--engine', 'none'])
  const contributor = await measured('contributor', [
    ...joins,
    '--contribute',
    ...['--engine', 'openai', '--engine-url', `${engine.url}/v1`, '--slots', '4'],
    ...['--friends', consumer.node.peer]
  ])
  for (let n = 1; n < HONEST; n++) {
    const listen = ['/ip4/127.0.0.1/tcp/0']
    const script = new ScriptedEngine(() => say(['fine']), [MODEL])
    await mesh.node({ contribute: true, engine: script, listen, slots: 4, bootstrap })
  }
  const hostile = Promise.all([
    hostileContributors(4 * HONEST, LIFE_MS, MODEL, [...bootstrap, ...consumer.node.addresses], stop.signal),
    hostileConsumers(3, contributor.node, stop.signal),
    hostileGuests(2, relay.node, stop.signal)
  ])
  const asked = clients(consumer.node.url, MODEL.id, stop.signal)

  const start = performance.now()
  const minutes = (): number => (performance.now() - start) / 60_000
  while (minutes() < MINUTES && nodes.every(({ alive }) => alive)) {
    await delay(INTERVAL_MS)
    for (const node of nodes) if (node.alive) await node.sample(minutes())
    for (const { role, samples } of nodes) write(JSON.stringify({ role, ...samples.at(-1) }))
  }
  const dead = nodes.filter(({ alive }) => !alive)
  const lasted = minutes()
  stop.abort()
  const [contributors, consumers, guests] = await hostile
  const { answered, failed } = await asked

  const rows = nodes.flatMap(({ role, samples }) =>
    judge(role, samples, (role === 'relay' ? 0 : answered) / lasted)
  )
  const figure = (value: number): string => value.toFixed(value < 100 ? 1 : 0)
  write('| node | resource | second third | last third | at most | |\n| --- | --- | --- | --- | --- | --- |')
  for (const row of rows)
    write(
      `| ${row.role} | ${row.what} | ${figure(row.before)} | ${figure(row.after)} | ${figure(row.bound)} | ${isFlat(row) ? 'flat' : 'GROWS'} |`
    )
  write(
    `\n${figure(lasted)} minutes; ${answered} requests answered, not answered ${JSON.stringify(failed)}; ` +
      `hostile keys: ${contributors} contributors, ${consumers} consumers, ${guests} guests of the relay`
  )
  for (const { role } of dead) write(`the ${role} ended`)
  process.exitCode = dead.length === 0 && rows.every(isFlat) && answered > 0 ? 0 : 1
} finally {
  stop.abort()
  for (const { node } of nodes) await node.end('SIGKILL')
  await mesh.stop()
  await engine.close()
  await rm(folder, { recursive: true, force: true })
}
