import assert from 'node:assert/strict'
import { Purchase } from '../../../../node/consumer/settling/purchase.ts'
import { Purchases } from '../../../../node/consumer/settling/purchases.ts'
import type { Ledger } from '../../../../node/ledger/index.ts'
import { encodeJson } from '../../../../protocols/index.ts'
import { CONSUMER, CONTRIBUTOR, MODEL, NOW } from '../../../support/records.ts'

describe('node/consumer/settling/purchases', () => {
  const ledger = { append: () => Promise.resolve() } as unknown as Ledger
  const components = { ledger, privateKey: CONSUMER.privateKey, peer: CONSUMER.peer, now: () => NOW }

  /** Takes a purchase through an answer that breaks off after so many deltas; returns its order's id. */
  async function breakOff(
    purchases: Purchases,
    deltas: number,
    endedBy: 'contributor' | 'consumer' | 'loss' = 'loss'
  ): Promise<string> {
    const messages = [{ role: 'user' as const, content: 'Hello!' }]
    const request = { kind: 'chat' as const, model: MODEL.id, messages }
    const purchase = await Purchase.place(request, MODEL, CONTRIBUTOR.peer, components)
    purchases.begin(purchase)
    assert.equal(purchases.running(purchase.id), true)
    for (let i = 0; i < deltas; i++) purchase.delivered({ content: 'a' }, encodeJson({ i }))
    if (endedBy === 'consumer') purchase.cancel()
    assert.equal(await purchases.end(purchase, endedBy === 'contributor' ? endedBy : 'other'), true)
    assert.equal(purchases.running(purchase.id), false)
    return purchase.id
  }

  it('remembers of an answer that broke off what it delivered, and not the request', async () => {
    const purchases = new Purchases()
    const broken = purchases.broken(await breakOff(purchases, 3))
    assert.equal(broken?.deltas, 3)
    assert.equal('document' in broken, false)
  })

  it('knows what is owed at most: by who ended the answer, and whether anything came', async () => {
    const purchases = new Purchases()
    for (const [endedBy, deltas, limit] of [
      ['contributor', 0, 'nothing'],
      ['contributor', 3, 'nothing'],
      ['loss', 0, 'nothing'],
      ['loss', 3, undefined],
      ['consumer', 0, 'prompt'],
      ['consumer', 3, undefined]
    ] as const) {
      const order = await breakOff(purchases, deltas, endedBy)
      assert.equal(purchases.limit(order), limit, `${endedBy} after ${deltas}`)
    }
  })

  it('keeps what was delivered, however many contributors refuse after it', async () => {
    const purchases = new Purchases()
    const broken = await breakOff(purchases, 3)
    for (let i = 0; i < 300; i++) await breakOff(purchases, 0)
    assert.equal(purchases.broken(broken)?.deltas, 3)
    purchases.settle(broken)
    assert.equal(purchases.broken(broken), undefined)
  })

  it('forgets the oldest of many', async () => {
    const purchases = new Purchases()
    const first = await breakOff(purchases, 1)
    for (let i = 0; i < 512; i++) await breakOff(purchases, 1)
    const last = await breakOff(purchases, 1)
    assert.equal(purchases.broken(first), undefined)
    assert.equal(purchases.broken(last)?.deltas, 1)
  })
})
