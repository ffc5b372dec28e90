import assert from 'node:assert/strict'
import { verifyOrder, type OrderContext } from '../../../../node/contributor/orders/verify-order.ts'
import {
  ModelNotFoundError,
  ORDER,
  OrderRefusedError,
  seal,
  type Order
} from '../../../../protocols/index.ts'
import { CONSUMER, CONTRIBUTOR, MODEL, NOW, STRANGER, anOrder } from '../../../support/records.ts'

const CONTEXT: OrderContext = {
  peer: CONSUMER.peer,
  contributor: CONTRIBUTOR.peer,
  models: [MODEL],
  now: NOW
}
const MINUTE = 60_000

const verify = async (
  changes: Partial<Order> = {},
  context: Partial<OrderContext> = {}
): ReturnType<typeof verifyOrder> =>
  await verifyOrder(await seal(ORDER, anOrder(changes), CONSUMER.privateKey), { ...CONTEXT, ...context })

describe('node/contributor/orders/verify-order', () => {
  it('accepts a good order, and finds its model', async () => {
    assert.deepEqual(await verify(), { order: anOrder(), model: MODEL })
  })

  it('finds the model by any of its names', async () => {
    const latest = { ...MODEL, id: 'llama3.2:latest' }
    assert.equal((await verify({ model: 'llama3.2' }, { models: [MODEL, latest] })).model, latest)
  })

  it('refuses a forged signature', async () => {
    const forged = await seal(ORDER, anOrder(), STRANGER.privateKey)
    await assert.rejects(verifyOrder(forged, CONTEXT), OrderRefusedError)
  })

  it("refuses somebody else's order, although it is genuine", async () => {
    await assert.rejects(verify({}, { peer: STRANGER.peer }), OrderRefusedError)
  })

  it('takes a clock that is 5 minutes wrong, either way', async () => {
    await verify({ issuedAt: NOW - 5 * MINUTE })
    await verify({ issuedAt: NOW + 5 * MINUTE, expiresAt: NOW + 10 * MINUTE })
  })

  const lies: [string, Partial<Order>, RegExp][] = [
    ['for another contributor', { contributor: STRANGER.peer }, /another contributor/],
    ['of more than 5 minutes ago', { issuedAt: NOW - 5 * MINUTE - 1 }, /not of this time/],
    [
      'of more than 5 minutes ahead',
      { issuedAt: NOW + 5 * MINUTE + 1, expiresAt: NOW + 99 * MINUTE },
      /not of this time/
    ],
    ['that has expired', { issuedAt: NOW - MINUTE, expiresAt: NOW - 1 }, /expired/],
    ['at a lower prompt price', { price: { ...MODEL.price, prompt: MODEL.price.prompt - 1 } }, /price/],
    ['at a lower completion price', { price: { ...MODEL.price, completion: 0 } }, /price/],
    ['at a higher price', { price: { ...MODEL.price, completion: MODEL.price.completion + 1 } }, /price/],
    ['of another digest', { digest: 'sha256:0' }, /digest/],
    ['of no digest', { digest: null }, /digest/],
    ['over any amount that can be owed', { maxCompletionTokens: Number.MAX_SAFE_INTEGER }, /amount/],
    ['for an answer of no tokens', { maxCompletionTokens: 0 }, /pays for no/]
  ]
  for (const [name, changes, message] of lies) {
    it(`refuses an order ${name}`, async () => {
      await assert.rejects(
        verify(changes),
        (err) => err instanceof OrderRefusedError && message.test(err.message)
      )
    })
  }

  it('takes an order for vectors, which are no completion tokens', async () => {
    await verify({ kind: 'embedding', maxCompletionTokens: 0 })
  })

  it('refuses an order for a model that is not served', async () => {
    await assert.rejects(verify({ model: 'unheard-of' }), ModelNotFoundError)
    await assert.rejects(verify({}, { models: [] }), ModelNotFoundError)
  })
})
