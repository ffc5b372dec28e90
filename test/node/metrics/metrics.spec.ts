import assert from 'node:assert/strict'
import { Registry } from 'prom-client'
import { ledgerObserver } from '../../../node/metrics/index.ts'
import { EngineFailedError } from '../../../protocols/index.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, idle, until } from '../../support/mesh.ts'
import { ScriptedEngine, say } from '../../support/scripted-engine.ts'

async function value(registry: Registry, sample: string): Promise<number | undefined> {
  const lines = (await registry.metrics()).split('\n')
  const line = lines.find((text) => text.startsWith(`${sample} `))
  return line === undefined ? undefined : Number(line.slice(sample.length))
}

async function* failing(): AsyncGenerator<never> {
  throw new EngineFailedError()
}

describe('node/metrics', function () {
  this.timeout(60_000)
  let mesh: Mesh
  beforeEach(() => {
    mesh = new Mesh()
  })
  afterEach(async () => {
    await mesh.stop()
  })

  it('counts both sides of an answer and of a failure', async () => {
    const [serving, asking] = [new Registry(), new Registry()]
    const engine = new ScriptedEngine(() => say(['a', 'b', 'c']))
    const relay = await mesh.relay()
    const bootstrap = addressesOf(relay)
    const listen = ['/ip4/127.0.0.1/tcp/0']
    const contributor = await mesh.node({ engine, contribute: true, bootstrap, listen, metrics: serving })
    const consumer = await mesh.node({ bootstrap, metrics: asking })
    await contributorsKnown(consumer, 1)
    const events = await collect(consumer.consumer.infer(ask('Hi')))
    const end = events.at(-1)
    assert.ok(end?.type === 'end')
    await idle(contributor)

    const tokens = end.usage.completionTokens
    assert.ok(tokens > 0)
    assert.equal(await value(serving, 'lobstah_contributor_completion_tokens_total'), tokens)
    assert.equal(await value(serving, 'lobstah_contributor_answers_total'), 1)
    assert.equal(await value(serving, 'lobstah_contributor_slots'), 1)
    assert.equal(await value(serving, 'lobstah_contributor_active_requests'), 0)
    assert.equal(await value(asking, 'lobstah_consumer_attempts_total{path="direct"}'), 1)
    assert.ok((await value(asking, 'lobstah_ledger_balance_microcredits{kind="spent"}'))! > 0)
    assert.ok((await value(serving, 'lobstah_ledger_balance_microcredits{kind="earned"}'))! > 0)
    assert.ok((await value(asking, 'lobstah_libp2p_peers'))! >= 1)
    const outbound = 'lobstah_libp2p_connections{direction="outbound",path="direct"}'
    assert.ok((await value(asking, outbound))! >= 1)
    assert.ok((await value(asking, 'lobstah_libp2p_streams{direction="outbound"}'))! >= 1)

    engine.script = failing
    await assert.rejects(collect(consumer.consumer.infer(ask('Hi'))))
    const failed = (await asking.metrics()).match(/lobstah_consumer_failures_total\{code="\w+"\} 1/g)
    assert.equal(failed?.length, 1)
    await until(async () =>
      /lobstah_contributor_failures_total\{code="\w+"\} 1/.test(await serving.metrics())
    )
    for (const registry of [serving, asking]) assert.doesNotMatch(await registry.metrics(), /12D3KooW/)
  })

  it("carries a trace context to the contributor's log", async () => {
    const lines: string[] = []
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const log = Object.assign((...args: unknown[]) => void lines.push(args.join(' ')), {
      enabled: true,
      error: () => undefined,
      trace: () => undefined,
      newScope: () => log
    })
    const relay = await mesh.relay()
    const bootstrap = addressesOf(relay)
    await mesh.node({
      engine: new ScriptedEngine(() => say(['a', 'b', 'c'])),
      contribute: true,
      bootstrap,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      logger: { forComponent: () => log as never }
    })
    const consumer = await mesh.node({ bootstrap })
    await contributorsKnown(consumer, 1)
    let spent = 0
    const onSpent = (microCredits: number): void => void (spent += microCredits)
    const events = await collect(consumer.consumer.infer(ask('Hi'), { traceparent, onSpent }))
    const end = events.at(-1)
    assert.ok(end?.type === 'end' && end.receipt)
    assert.ok(lines.some((line) => line.includes(traceparent) && line.includes('trace context')))
    // Every receipt's growth, added up, is what the last one says.
    assert.equal(spent, (JSON.parse(end.receipt.payload) as { credits: number }).credits)
  })

  it('counts groups of appends', async () => {
    const registry = new Registry()
    const observe = ledgerObserver(registry)
    for (const appends of [1, 3, 40]) observe(appends)
    assert.equal(await value(registry, 'lobstah_ledger_appends_total'), 44)
    assert.equal(await value(registry, 'lobstah_ledger_group_appends_count'), 3)
    assert.equal(await value(registry, 'lobstah_ledger_group_appends_bucket{le="5"}'), 2)
  })
})
