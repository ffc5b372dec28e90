import assert from 'node:assert/strict'
import { RecentOrders } from '../../../../node/contributor/orders/recent-orders.ts'
import { CLOCK_SKEW_MS } from '../../../../protocols/index.ts'
import { NOW, anOrder } from '../../../support/records.ts'

describe('node/contributor/orders/recent-orders', () => {
  it('knows an order for as long as it could be placed again, and then forgets it', () => {
    const orders = new RecentOrders()
    orders.add(anOrder({ id: 'first', issuedAt: NOW }), NOW)
    orders.add(anOrder({ id: 'second', issuedAt: NOW + 1 }), NOW + CLOCK_SKEW_MS)
    assert.deepEqual([orders.has('first'), orders.has('second')], [true, true])
    orders.add(anOrder({ id: 'third', issuedAt: NOW + 2 }), NOW + CLOCK_SKEW_MS + 1)
    assert.deepEqual([orders.has('first'), orders.has('second'), orders.has('third')], [false, true, true])
  })
})
