import assert from 'node:assert/strict'
import { PriceTooHighError } from '../../protocols/index.ts'
import { Mesh, addressesOf, ask, collect, contributorsKnown, textOf } from '../support/mesh.ts'
import { ScriptedEngine, say } from '../support/scripted-engine.ts'

describe('prices', () => {
  let mesh: Mesh
  beforeEach(() => {
    mesh = new Mesh()
  })
  afterEach(async () => {
    await mesh.stop()
  })

  async function contributorAt(
    completion: number,
    text: string
  ): Promise<{ engine: ScriptedEngine; at: string[] }> {
    const engine = new ScriptedEngine(() => say([text]))
    const prices = { 'scripted:1b': { prompt: 1, completion } }
    const node = await mesh.node({ engine, contribute: true, listen: ['/ip4/127.0.0.1/tcp/0'], prices })
    return { engine, at: addressesOf(node) }
  }

  it('over the limit are not paid: the contributor is not asked, and the error names both', async () => {
    const dear = await contributorAt(11, 'dear')
    const maxPrice = { 'scripted:1b': { prompt: 1, completion: 10 } }
    const consumer = await mesh.node({ bootstrap: dear.at, maxPrice })
    await contributorsKnown(consumer, 1)
    await assert.rejects(collect(consumer.consumer.infer(ask('Hi'))), (err) => {
      assert.ok(err instanceof PriceTooHighError)
      assert.match(
        err.message,
        /at least 0.000001 credits .* and 0.000011 credits .* allows 0.000001 credits .* and 0.00001 credits/
      )
      return true
    })
    assert.equal(dear.engine.started, 0)
    assert.deepEqual(await consumer.ledger.list(), [])
  })

  it('within the limit are: whoever keeps to it is asked', async () => {
    const [dear, fair] = [await contributorAt(11, 'dear'), await contributorAt(10, 'fair')]
    const maxPrice = { 'scripted:1b': { prompt: 1, completion: 10 } }
    const consumer = await mesh.node({ bootstrap: [...dear.at, ...fair.at], maxPrice })
    await contributorsKnown(consumer, 2)
    for (let i = 0; i < 3; i++)
      assert.equal(textOf(await collect(consumer.consumer.infer(ask('Hi')))), 'fair')
  })

  it('of their own are shown against the default ones', async () => {
    const dear = await contributorAt(2_000_000, 'dear')
    const consumer = await mesh.node({ bootstrap: dear.at })
    await contributorsKnown(consumer, 1)
    await collect(consumer.consumer.infer(ask('Hi')))
    // Seven prompt tokens and one completion token.
    const [peer] = consumer.consumer.peers()
    assert.deepEqual(peer?.paid, { credits: 2_000_007, atDefault: 2_750_000 })
  })
})
