import assert from 'node:assert/strict'
import { Departures } from '../../../../node/consumer/choice/departures.ts'
import { explain } from '../../../../node/consumer/choice/explain.ts'
import { PriceLimits } from '../../../../node/consumer/choice/price-limits.ts'
import { ModelNotFoundError, NoProviderError } from '../../../../protocols/index.ts'
import { MODEL } from '../../../support/records.ts'

const offer = { peer: 'alice', models: [MODEL] }

describe('node/consumer/choice/departures', () => {
  it('tells who served a model last, from the moment the last one left until one is back', () => {
    const departures = new Departures()
    assert.equal(departures.of(MODEL.id), undefined)
    departures.observe([offer, { peer: 'bob', models: [MODEL] }], 1000)
    departures.observe([offer], 2000)
    assert.equal(departures.of(MODEL.id), undefined)
    departures.observe([{ peer: 'alice', models: [] }], 3000)
    departures.observe([], 4000)
    assert.deepEqual(departures.of(MODEL.id), { peers: ['alice'], at: 3000 })
    departures.observe([offer], 5000)
    assert.equal(departures.of(MODEL.id), undefined)
  })

  it('is a wait for the first minute, then a model that is not found', () => {
    const context = {
      offers: [],
      priceLimits: new PriceLimits({}),
      departure: { peers: ['alice', 'bob'], at: 0 }
    }
    const soon = explain('m', { ...context, now: 59_999 })
    assert.ok(soon instanceof NoProviderError)
    assert.equal(soon.retryAfterMs, 5000)
    const late = explain('m', { ...context, now: 60_000 })
    assert.ok(late instanceof ModelNotFoundError)
    for (const { message } of [soon, late]) assert.match(message, /alice and 1 more .* 60 s ago \(1970/)
  })
})
