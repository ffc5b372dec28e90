/**
 * Kills consumer or contributor at random moments, while answers stream between them, and then looks into both
 * ledgers: they must verify, and every answer that a client saw the end of must have its receipt in both.
 *
 * `CRASH_RUNS` says how often (50), `CRASH_SEED` repeats a run.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ledger } from '../../node/ledger/index.ts'
import { startOllamaServer } from '../support/engines/ollama-server.ts'
import { modelListed, startProcess, type RunningNode } from '../support/node-process.ts'
import { load, type Outcome } from './load.ts'

const RUNS = Number(process.env.CRASH_RUNS ?? 50)
const SEED = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Questions at once. */
const STREAMS = 6

/** Longest time between the first question and the kill, in milliseconds. */
const LONGEST_MS = 1500

const VICTIMS = [['consumer'], ['contributor'], ['consumer', 'contributor']] as const

let state = SEED
/** A number from 0 to 1 that follows from the seed (Numerical Recipes' linear congruence). */
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32
}

/** Looks into a ledger that nobody has open; returns the orders with a receipt. */
async function inspect(home: string, peer: string): Promise<Set<string>> {
  const book = ledger({ file: join(home, 'ledger.sqlite'), readOnly: true })({ peer })
  await book.start()
  try {
    const { entries, firstBad } = await book.verify()
    assert.equal(firstBad, undefined, `the ledger in ${home} is bad: ${JSON.stringify(firstBad)}`)
    const kept = await book.list({ limit: Math.max(1, entries) })
    return new Set(kept.filter(({ kind }) => kind === 'receipt').map(({ order }) => order))
  } finally {
    await book.stop()
  }
}

const folder = await mkdtemp(join(tmpdir(), 'lobstah-crash-'))
const homes = { consumer: join(folder, 'consumer'), contributor: join(folder, 'contributor') }
const engine = await startOllamaServer({
  script: ({ text }) => ({
    text: Array.from({ length: 40 }, (_, i) => `${text} ${i} `),
    gate: () => delay(3)
  })
})
const relay = await startProcess(join(folder, 'relay'), [
  '--relay',
  '--no-gateway',
  '--listen',
  '/ip4/127.0.0.1/tcp/0'
])
const joining = ['--bootstrap', relay.addresses[0] ?? '', '--gateway-port', '0']
const nodes = new Map<string, RunningNode>()
const completed = new Map<string, number>()
let killed = 0

async function ensure(name: 'consumer' | 'contributor'): Promise<RunningNode> {
  const running = nodes.get(name)
  if (running !== undefined) return running
  const serve = [
    '--contribute',
    '--slots',
    '4',
    '--listen',
    '/p2p-circuit',
    '--engine',
    'ollama',
    '--engine-url',
    engine.url
  ]
  const node = await startProcess(homes[name], [
    ...joining,
    ...(name === 'consumer' ? ['--engine', 'none'] : serve)
  ])
  nodes.set(name, node)
  return node
}

async function crash(run: number): Promise<Outcome[]> {
  const victims = VICTIMS[run % VICTIMS.length] ?? VICTIMS[0]
  await ensure('contributor')
  const consumer = await ensure('consumer')
  const model = await modelListed(consumer.url)
  const stop = new AbortController()
  const loading = load(consumer.url, model, STREAMS, stop.signal)
  await delay(random() * LONGEST_MS)
  await Promise.all(
    victims.map(async (name) => {
      await nodes.get(name)?.end('SIGKILL')
      nodes.delete(name)
      killed++
    })
  )
  stop.abort()
  return await loading
}

try {
  for (let run = 0; run < RUNS; run++) {
    for (const { completed: done, order } of await crash(run)) {
      if (!done) continue
      assert.ok(order, 'an answer ended without a receipt')
      completed.set(order, run)
    }
    process.stdout.write(`run ${run + 1}/${RUNS}: ${completed.size} answers completed so far\n`)
  }
  const peers = { consumer: (await ensure('consumer')).peer, contributor: (await ensure('contributor')).peer }
  for (const node of nodes.values()) await node.end()
  nodes.clear()
  for (const name of ['consumer', 'contributor'] as const) {
    const receipts = await inspect(homes[name], peers[name])
    const missing = [...completed].filter(([order]) => !receipts.has(order))
    assert.deepEqual(missing, [], `answers of these runs have no receipt with the ${name}`)
  }
  assert.ok(completed.size > 0, 'nothing was answered: the test shows nothing')
  process.stdout.write(
    `${killed} kills in ${RUNS} runs (seed ${SEED}): both ledgers verify, ` +
      `and all ${completed.size} completed answers have their receipt on both sides\n`
  )
} catch (err) {
  process.stdout.write(`failed with CRASH_SEED=${SEED}\n`)
  throw err
} finally {
  for (const node of [...nodes.values(), relay]) await node.end('SIGKILL')
  await engine.close()
  await rm(folder, { recursive: true, force: true })
}
