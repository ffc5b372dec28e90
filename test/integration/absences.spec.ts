import assert from 'node:assert/strict'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Lobstah } from '../../node/lobstah.ts'
import { EngineFailedError, ModelDepartedError, NoProviderError } from '../../protocols/index.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, eventually, textOf } from '../support/mesh.ts'
import { ScriptedEngine, say } from '../support/scripted-engine.ts'

describe('a contributor, or its engine, that is away', () => {
  let mesh: Mesh
  let engine: ScriptedEngine
  let contributor: Lobstah
  let consumer: Lobstah
  /** How far the consumer's clock is ahead, in milliseconds. */
  let ahead: number

  beforeEach(async () => {
    mesh = new Mesh()
    ahead = 0
    engine = new ScriptedEngine(() => say(['answered']))
    const bootstrap = addressesOf(await mesh.relay())
    contributor = await mesh.node({
      bootstrap,
      engine,
      contribute: true,
      listen: ['/ip4/127.0.0.1/tcp/0']
    })
    consumer = await mesh.node({ bootstrap, now: () => Date.now() + ahead })
    await contributorsKnown(consumer, 1)
  })
  afterEach(() => mesh.stop())

  const request = (): Promise<string> => collect(consumer.consumer.infer(ask('Hi'))).then(textOf)
  const served = (): number => consumer.consumer.models().length

  it('is worth asking again in the first minute, and unknown after it; both say who served and since when', async () => {
    assert.equal(await request(), 'answered')
    await contributor.libp2p.stop()
    await eventually(consumer.directory, 'change', () => served() === 0)
    const said = new RegExp(`${contributor.peer.slice(-6)}.*\\d\\d:\\d\\d`)
    ahead = 30_000
    await assert.rejects(request(), (err) => {
      assert.ok(err instanceof NoProviderError)
      assert.ok((err.retryAfterMs ?? 0) > 0)
      assert.match(err.message, said)
      return true
    })
    ahead = 90_000
    await assert.rejects(request(), (err) => {
      assert.ok(err instanceof ModelDepartedError)
      assert.match(err.message, said)
      return true
    })
  })

  it('keeps a request that comes meanwhile, and answers it when its engine is back', async () => {
    const { models } = engine
    engine.models = () => Promise.reject(new EngineFailedError('away'))
    engine.script = async function* () {
      yield* []
      throw new EngineFailedError('away')
    }
    // The failure makes the contributor look, and tell that it has nothing now; it stays in touch.
    const waiting = request()
    await eventually(consumer.directory, 'change', () => served() === 0)
    assert.ok(consumer.libp2p.getConnections(peerIdFromString(contributor.peer)).length > 0)
    const late = request()
    engine.script = () => say(['answered'])
    engine.models = models
    assert.deepEqual(await Promise.all([waiting, late]), ['answered', 'answered'])
  })
})
