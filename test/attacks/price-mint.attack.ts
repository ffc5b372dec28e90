import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import { PriceTooHighError, type OfferedModel } from '../../protocols/index.ts'
import { DishonestContributor } from '../support/dishonest-contributor.ts'
import { Mesh, ask, collect, contributorsKnown } from '../support/mesh.ts'
import { reportAttack } from './table.ts'

const CREDIT = 1_000_000

describe('attacks by price', function () {
  this.timeout(30_000)
  let mesh: Mesh
  let liar: DishonestContributor | undefined

  beforeEach(() => {
    mesh = new Mesh()
  })
  afterEach(async () => {
    await liar?.stop()
    await mesh.stop()
  })

  /** Offers a model, is asked for it, and bills one completion token if it gets an order; resolves to what was paid. */
  async function paid(model: Partial<OfferedModel>): Promise<number> {
    liar = await DishonestContributor.start(['chat'], model)
    liar.act = async (sale) => {
      await sale.accept()
      await sale.delta('ok')
      const { price } = JSON.parse(sale.order.payload) as { price: OfferedModel['price'] }
      await sale.receipt({ promptTokens: 0, completionTokens: 1, credits: price.completion })
      await sale.end()
    }
    const victim = await mesh.node()
    await victim.libp2p.dial(liar.libp2p.getMultiaddrs().map((address) => multiaddr(address.toString())))
    await contributorsKnown(victim, 1)
    const request = ask('Hi', { model: model.id })
    await collect(victim.consumer.infer(request)).catch((err: unknown) =>
      assert.ok(err instanceof PriceTooHighError)
    )
    return (await victim.ledger.balance()).spent / CREDIT
  }

  it('asks a million credits for a token', async () => {
    const price = { prompt: 1e9, completion: 1e12 }
    assert.equal(await paid({ id: 'dear:1b', price }), 0)
    assert.equal(liar?.sales.length, 0)
    reportAttack({
      promise: 'an absurd price is not paid',
      attack: 'a million credits a token for a model of a billion parameters',
      reached: '0 credits',
      bound: '0 credits'
    })
  })

  it('asks for a model of a billion parameters as for one of a trillion', async () => {
    const asks = async (id: string, credits: number): Promise<number> => {
      await liar?.stop()
      const completion = Math.round(credits * CREDIT)
      return await paid({ id, parameters: 1e12, price: { prompt: 0, completion } })
    }
    assert.equal(await asks('dear:1b', 1000), 0)
    assert.equal(await asks('dear:1b', 5.01), 0)
    const named = await asks('dear:1b', 5)
    assert.equal(await asks('dear', 128.01), 0)
    const unnamed = await asks('dear', 128)
    assert.deepEqual([named, unnamed], [5, 128])
    const attack = 'a billion parameters that claim to be a trillion'
    const promise = 'a false size raises the price by no more than its name'
    reportAttack({ promise, attack, reached: `${named} credits a token`, bound: '5 credits a token' })
    reportAttack({
      promise,
      attack: `${attack}, in a name without a size`,
      reached: `${unnamed} credits a token`,
      bound: '128 credits a token'
    })
  })
})
