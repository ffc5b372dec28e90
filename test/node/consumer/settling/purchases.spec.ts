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
    endedBy: Parameters<Purchases['end']>[1] = 'loss'
  ): Promise<string> {
    const messages = [{ role: 'user' as const, content: 'Hello!' }]
    const request = { kind: 'chat' as const, model: MODEL.id, messages }
    const purchase = await Purchase.place(request, MODEL, CONTRIBUTOR.peer, components)
    purchases.begin(purchase)
    assert.equal(purchases.running(purchase.id), true)
    for (let i = 0; i < deltas; i++) purchase.delivered({ content: 'a' }, encodeJson({ i }))
    assert.equal(await purchases.end(purchase, endedBy), true)
    assert.equal(purchases.running(purchase.id), false)
    return purchase.id
  }

  it('remembers of an answer that broke off what it delivered, and not the request', async () => {
    const purchases = new Purchases()
    const broken = purchases.broken(await breakOff(purchases, 3))
    assert.equal(broken?.deltas, 3)
    assert.equal('document' in broken, false)
  })

  it('knows what a contributor forfeits: what it ended itself, and what it lost before the first delta', async () => {
    const purchases = new Purchases()
    for (const [endedBy, deltas, forfeited] of [
      ['contributor', 0, true],
      ['contributor', 3, true],
      ['loss', 0, true],
      ['loss', 3, false],
      ['consumer', 0, false],
      ['consumer', 3, false]
    ] as const) {
      const order = await breakOff(purchases, deltas, endedBy)
      assert.equal(purchases.forfeited(order), forfeited, `${endedBy} after ${deltas}`)
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
