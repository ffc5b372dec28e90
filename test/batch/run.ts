/**
 * Kills consumer and contributor at random moments while a batch runs between them: each line must be in the output
 * exactly once, no line may have two answers that both are paid for in full, and both ledgers must agree.
 *
 * `BATCH_KILLS` says how often (10), `BATCH_LINES` how many lines (150), `BATCH_SEED` repeats a run.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI, { toFile } from 'openai'
import { startOllamaServer } from '../support/engines/ollama-server.ts'
import { modelListed, startProcess, type RunningNode } from '../support/node-process.ts'
import { readDeals } from './deals.ts'

const KILLS = Number(process.env.BATCH_KILLS ?? 10)
const LINES = Number(process.env.BATCH_LINES ?? 150)
const SEED = Number(process.env.BATCH_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Longest time from some progress to a kill, and for the batch to end, in milliseconds. */
const LONGEST_MS = 400
const PATIENCE_MS = 300_000

const VICTIMS = [['consumer'], ['contributor'], ['consumer'], ['consumer', 'contributor']] as const
type Name = 'consumer' | 'contributor'

let state = SEED
/** A number from 0 to 1 that follows from the seed (Numerical Recipes' linear congruence). */
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32
}

const folder = await mkdtemp(join(tmpdir(), 'lobstah-batch-'))
const engine = await startOllamaServer({
  script: ({ text }) => ({
    text: Array.from({ length: 20 }, (_, i) => `${text} ${i} `),
    gate: () => delay(15)
  })
})
const relay = await startProcess(join(folder, 'relay'), [
  '--relay',
  '--no-gateway',
  '--listen',
  '/ip4/127.0.0.1/tcp/0'
])
const joining = ['--bootstrap', relay.addresses[0] ?? '', '--gateway-port', '0']
const serving = [
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
const nodes = new Map<Name, RunningNode>()

async function ensure(name: Name): Promise<RunningNode> {
  const node =
    nodes.get(name) ??
    (await startProcess(join(folder, name), [
      ...joining,
      ...(name === 'consumer' ? ['--engine', 'none'] : serving)
    ]))
  nodes.set(name, node)
  return node
}

async function client(): Promise<OpenAI> {
  return new OpenAI({ baseURL: `${(await ensure('consumer')).url}/v1`, apiKey: 'any' })
}

async function submit(): Promise<string> {
  const openai = await client()
  const model = await modelListed((await ensure('consumer')).url)
  const lines = Array.from({ length: LINES }, (_, at) =>
    JSON.stringify({
      custom_id: `line-${at}`,
      method: 'POST',
      url: '/v1/chat/completions',
      body: { model, messages: [{ role: 'user', content: `line-${at}` }] }
    })
  )
  const file = await openai.files.create({
    file: await toFile(Buffer.from(lines.join('\n')), 'lines.jsonl'),
    purpose: 'batch'
  })
  const { id } = await openai.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h'
  })
  return id
}

/** Resolves when some more lines are answered, so that every kill meets running ones. */
async function progress(id: string): Promise<void> {
  const openai = await client()
  const of = async (): Promise<number> => (await openai.batches.retrieve(id)).request_counts?.completed ?? 0
  const before = await of()
  const deadline = performance.now() + PATIENCE_MS
  while ((await of()) < Math.min(LINES, before + 3)) {
    assert.ok(performance.now() < deadline, 'no line is answered any more')
    await delay(20)
  }
}

async function kill(run: number): Promise<void> {
  await delay(random() * LONGEST_MS)
  for (const name of VICTIMS[run % VICTIMS.length] ?? VICTIMS[0]) {
    await nodes.get(name)?.end('SIGKILL')
    nodes.delete(name)
  }
  await ensure('contributor')
  await ensure('consumer')
}

async function ended(id: string): Promise<OpenAI.Batch> {
  const openai = await client()
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const batch = await openai.batches.retrieve(id)
    if (!['validating', 'in_progress', 'finalizing'].includes(batch.status)) return batch
    assert.ok(performance.now() < deadline, `the batch did not end: ${JSON.stringify(batch.request_counts)}`)
    await delay(100)
  }
}

try {
  await ensure('contributor')
  const id = await submit()
  for (let run = 0; run < KILLS; run++) {
    await progress(id)
    await kill(run)
    const { status, request_counts: counts } = await (await client()).batches.retrieve(id)
    process.stdout.write(`kill ${run + 1}/${KILLS}: ${status} ${JSON.stringify(counts)}\n`)
  }
  const batch = await ended(id)
  assert.equal(batch.status, 'completed')
  assert.deepEqual(batch.request_counts, { total: LINES, completed: LINES, failed: 0 })
  const text = await (await (await client()).files.content(batch.output_file_id ?? '')).text()
  const ids = text
    .trim()
    .split('\n')
    .map((json) => (JSON.parse(json) as { custom_id: string }).custom_id)
  assert.equal(ids.length, LINES)
  assert.equal(new Set(ids).size, LINES)
  const peers = { consumer: (await ensure('consumer')).peer, contributor: (await ensure('contributor')).peer }
  // Until the two have settled the claims of orders that a kill cut off.
  const balance = async (name: Name): Promise<{ spent: number; earned: number; claimed: number }> =>
    (await (await fetch(`${(await ensure(name)).url}/balance`)).json()) as never
  for (let tries = 0; ; tries++) {
    const [consumer, contributor] = [await balance('consumer'), await balance('contributor')]
    if (consumer.spent === contributor.earned && contributor.claimed === 0) break
    assert.ok(tries < 300, `the balances differ: ${JSON.stringify({ consumer, contributor })}`)
    await delay(100)
  }
  for (const name of ['consumer', 'contributor'] as const) await nodes.get(name)?.end()
  nodes.clear()
  const deals = await readDeals(join(folder, 'consumer', 'ledger.sqlite'), peers.consumer)
  const whole = deals.filter(({ finished }) => finished)
  const twice = whole.length - new Set(whole.map(({ requestHash }) => requestHash)).size
  process.stdout.write(
    `${KILLS} kills (seed ${SEED}): ${LINES} lines answered once each, the balances agree; ` +
      `${deals.length} orders, ${whole.length} of them paid for whole answers, ${twice} for a line that had one\n`
  )
  assert.ok(twice <= KILLS * 4, 'more answers were paid for twice than were in flight at the kills')
} catch (err) {
  process.stdout.write(`failed with BATCH_SEED=${SEED}\n`)
  throw err
} finally {
  for (const node of [...nodes.values(), relay]) await node.end('SIGKILL')
  await engine.close()
  await rm(folder, { recursive: true, force: true })
}
