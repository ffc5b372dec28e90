import assert from 'node:assert/strict'
import type { Lobstah } from '../../node/lobstah.ts'
import { EngineFailedError } from '../../protocols/index.ts'
import { DishonestConsumer } from '../support/dishonest-consumer.ts'
import { Mesh, idle } from '../support/mesh.ts'
import { ScriptedEngine, say, type Script } from '../support/scripted-engine.ts'
import { reportAttack } from './table.ts'

const ORDERS = 60

/** Fails before it says anything. */
const failing: Script = async function* () {
  yield* say([])
  throw new EngineFailedError('no')
}

describe('attacks on a contributor’s disk', function () {
  this.timeout(60_000)
  let mesh: Mesh
  let engine: ScriptedEngine
  let contributor: Lobstah
  let consumer: DishonestConsumer

  beforeEach(async () => {
    mesh = new Mesh()
    engine = new ScriptedEngine(() => say([]))
    const listen = ['/ip4/127.0.0.1/tcp/0']
    contributor = await mesh.node({ engine, contribute: true, listen, slots: 4 })
    consumer = await DishonestConsumer.start(contributor)
  })
  afterEach(async () => {
    await consumer.stop()
    await mesh.stop()
  })

  async function flood(changes: object = {}): Promise<void> {
    for (let i = 0; i < ORDERS; i++) {
      const demand = await consumer.place(await consumer.order(changes))
      const receipt = await demand.next('receipt')
      if (receipt.type === 'receipt') await demand.acknowledge(receipt.receipt)
      await demand.frames.close(100)
    }
    await idle(contributor)
  }

  for (const [name, script, changes] of [
    ['whose engine fails before it says anything', failing, {}],
    ['whose answers are empty, receipts acknowledged', () => say([]), {}],
    ['padded to 200 kB', () => say(['Hi']), { padding: 'x'.repeat(200_000) }],
    ['padded to 5 kB', () => say(['Hi']), { padding: 'x'.repeat(4500) }]
  ] as [string, Script, object][]) {
    it(`orders ${name} leave nothing in the ledger`, async () => {
      engine.script = script
      await flood(changes)
      const kept = (await contributor.ledger.list({ limit: 1000 })).length
      reportAttack({
        promise: 'a contributor’s disk',
        attack: `${ORDERS} orders ${name}`,
        reached: `${kept} entries`,
        bound: '0 entries'
      })
      assert.equal(kept, 0)
    })
  }
})
