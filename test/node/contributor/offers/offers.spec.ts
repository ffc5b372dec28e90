import assert from 'node:assert/strict'
import { defaultLogger } from '@libp2p/logger'
import { Offers } from '../../../../node/contributor/offers/offers.ts'
import { EngineFailedError, OrderRefusedError, type ModelInfo } from '../../../../protocols/index.ts'
import { until } from '../../../support/mesh.ts'
import { SCRIPTED_MODEL, ScriptedEngine, say } from '../../../support/scripted-engine.ts'

const log = defaultLogger().forComponent('test')

/** An engine that serves what a test says, or fails. */
class FlakyEngine extends ScriptedEngine {
  failure: Error | undefined
  asked: AbortSignal | undefined

  override async models(options: { signal?: AbortSignal } = {}): Promise<ModelInfo[]> {
    this.asked = options.signal
    if (this.failure !== undefined) throw this.failure
    return this.served
  }
}

describe('node/contributor/offers/offers', () => {
  let engine: FlakyEngine
  let changes: number
  let offers: Offers

  beforeEach(() => {
    engine = new FlakyEngine(() => say([]))
    changes = 0
    offers = new Offers(
      engine,
      { prices: { 'scripted:1b': { prompt: 1, completion: 2 } }, onChange: () => changes++ },
      log
    )
  })
  afterEach(() => offers.stop())

  it("offers the engine's models with their prices", async () => {
    await offers.start()
    assert.deepEqual(offers.models, [{ ...SCRIPTED_MODEL, price: { prompt: 1, completion: 2 } }])
    assert.equal(changes, 1)
  })

  it('announces what describes a model as far as it fits, and keeps the template', async () => {
    const details = { family: 'llama', families: Array<string>(9).fill('clip'), template: '{{ .Prompt }}' }
    engine.served = [{ ...SCRIPTED_MODEL, ...details }]
    await offers.start()
    assert.equal(offers.models[0]?.template, details.template)
    const [announced] = JSON.parse(JSON.stringify(offers.announced)) as object[]
    assert.deepEqual(announced, { ...SCRIPTED_MODEL, family: 'llama', price: { prompt: 1, completion: 2 } })
  })

  it('asks how much the engine does side by side where that is wanted, and keeps the last answer', async () => {
    let parallel: number | undefined = 4
    const told = Object.assign(engine, { parallelism: () => Promise.resolve(parallel) })
    await offers.start()
    assert.equal(offers.parallelism, undefined)
    const init = { prices: {}, asksParallelism: () => true, onChange: () => changes++ }
    const asking = new Offers(told, init, log)
    await asking.refresh()
    assert.equal(asking.parallelism, 4)
    changes = 0
    parallel = 2
    await asking.refresh()
    assert.deepEqual([asking.parallelism, changes], [2, 1])
    parallel = undefined
    await asking.refresh()
    assert.deepEqual([asking.parallelism, changes], [2, 1])
  })

  it('tells of changes only', async () => {
    await offers.start()
    await offers.refresh()
    assert.equal(changes, 1)
    engine.served = [...engine.served, { ...SCRIPTED_MODEL, id: 'other:1b' }]
    await offers.refresh()
    assert.equal(changes, 2)
    assert.equal(offers.models.length, 2)
  })

  it('offers again within a second what an engine serves that was away', async () => {
    await offers.start()
    engine.failure = new EngineFailedError('The engine is away')
    await offers.refresh()
    assert.deepEqual(offers.models, [])
    engine.failure = undefined
    const returned = performance.now()
    await until(() => offers.models.length === 1)
    assert.ok(performance.now() - returned < 1000, 'it took longer than a second')
  })

  it('looks every two seconds for a real engine while only a demonstration is served', async () => {
    engine.served = [{ ...SCRIPTED_MODEL, demonstration: true }]
    await offers.start()
    engine.served = [SCRIPTED_MODEL]
    await until(() => offers.models.some(({ demonstration }) => demonstration !== true))
  })

  it('offers a model anew when its name stands for another digest', async () => {
    await offers.start()
    const [model] = offers.models
    assert.ok(model)
    let digest = model.digest ?? undefined
    let asked = 0
    Object.assign(engine, { digest: () => (asked++, Promise.resolve(digest)) })
    await offers.checkCurrent(model)
    await offers.checkCurrent(model)
    assert.equal(asked, 1)
    await offers.checkCurrent(model, true)
    assert.equal(asked, 2)
    const other = { ...model, id: 'replaced:1b' }
    digest = 'sha256:' + 'f'.repeat(64)
    engine.served = [{ ...SCRIPTED_MODEL, digest }]
    await assert.rejects(offers.checkCurrent(other), OrderRefusedError)
    assert.equal(offers.models[0]?.digest, digest)
    assert.equal(changes, 2)
  })

  it('believes an engine that does not tell a digest', async () => {
    await offers.start()
    const [model] = offers.models
    assert.ok(model)
    Object.assign(engine, { digest: () => Promise.reject(new EngineFailedError('down')) })
    await offers.checkCurrent(model)
  })

  it('offers nothing while the engine fails, and all when it comes back', async () => {
    engine.failure = new EngineFailedError('down')
    await offers.start()
    assert.deepEqual([offers.models, changes], [[], 0])
    engine.failure = undefined
    await offers.refresh()
    assert.deepEqual([offers.models.length, changes], [1, 1])
    engine.failure = new EngineFailedError('down again')
    await offers.refresh()
    assert.deepEqual([offers.models, changes], [[], 2])
  })

  it('announces what an announcement can hold, and serves its own user all', async () => {
    const models = Array.from({ length: 300 }, (_, i) => ({ ...SCRIPTED_MODEL, id: `model:${i}` }))
    engine.served = [{ ...SCRIPTED_MODEL, id: 'x'.repeat(257) }, ...models]
    await offers.start()
    assert.equal(offers.models.length, 301)
    assert.deepEqual(
      offers.announced.map(({ id }) => id),
      models.slice(0, 256).map(({ id }) => id)
    )
  })

  it('asks the engine with a deadline', async () => {
    await offers.start()
    assert.ok(engine.asked instanceof AbortSignal)
  })

  it('keeps its last word when it is stopped while the engine is asked', async () => {
    await offers.start()
    const gate = Promise.withResolvers<ModelInfo[]>()
    engine.models = async (options) => {
      const signal = options?.signal
      signal?.addEventListener('abort', () => gate.reject(signal.reason))
      return await gate.promise
    }
    const refreshing = offers.refresh()
    await offers.stop()
    await refreshing
    assert.deepEqual([offers.models.length, changes], [1, 1])
  })
})
