import assert from 'node:assert/strict'
import { Departures } from '../../../../node/consumer/choice/departures.ts'
import { explain } from '../../../../node/consumer/choice/explain.ts'
import { PriceLimits } from '../../../../node/consumer/choice/price-limits.ts'
import { ModelDepartedError, NoProviderError } from '../../../../protocols/index.ts'
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
    assert.deepEqual(departures.of(MODEL.id), { peers: ['alice'], at: 3000, removed: false })
    departures.observe([offer], 5000)
    assert.equal(departures.of(MODEL.id), undefined)
  })

  it('knows a model that was removed from one whose contributors left', () => {
    const other = { ...MODEL, id: 'other:1b' }
    const both = { peer: 'alice', models: [MODEL, other] }
    const removed = (before: (typeof both)[], after: typeof before): boolean | undefined => {
      const departures = new Departures()
      departures.observe(before, 1000)
      departures.observe(after, 2000)
      return departures.of(MODEL.id)?.removed
    }
    assert.equal(removed([both], [{ peer: 'alice', models: [other] }]), true)
    assert.equal(removed([both], [{ peer: 'alice', models: [] }]), false, 'its engine is away')
    assert.equal(removed([both], []), false)
    const bob = { peer: 'bob', models: [MODEL] }
    assert.equal(removed([both, bob], [{ peer: 'alice', models: [other] }]), false, 'bob may be back')
  })

  it('is a wait for the first minute, then a model that is not found', () => {
    const context = {
      offers: [],
      priceLimits: new PriceLimits({}),
      departure: { peers: ['alice', 'bob'], at: 0, removed: false }
    }
    const soon = explain('m', { ...context, now: 59_999 })
    assert.ok(soon instanceof NoProviderError)
    assert.equal(soon.retryAfterMs, 5000)
    const late = explain('m', { ...context, now: 60_000 })
    assert.ok(late instanceof ModelDepartedError)
    const removed = explain('m', { ...context, departure: { ...context.departure, removed: true }, now: 1 })
    assert.ok(removed instanceof ModelDepartedError)
    for (const { message } of [soon, late]) assert.match(message, /alice and 1 more .* 60 s ago \(1970/)
  })
})
