import assert from 'node:assert/strict'
import { Spending } from '../../../../node/consumer/peers/spending.ts'
import { MODEL, aReceipt } from '../../../support/records.ts'

describe('node/consumer/peers/spending', () => {
  const record = (promptTokens: number, completionTokens: number, credits: number) => ({
    payload: JSON.stringify(aReceipt('', { promptTokens, completionTokens, credits })),
    signature: ''
  })

  it('adds up what was paid, and what it costs by default', () => {
    const spending = new Spending()
    const dear = { ...MODEL, price: { prompt: 500_000, completion: 2_000_000 } }
    const first = spending.follow('a', dear)
    first(record(4, 2, 6_000_000))
    first(record(4, 10, 22_000_000))
    spending.follow('a', dear)(record(4, 1, 4_000_000))
    assert.deepEqual(spending.of('a'), { credits: 26_000_000, atDefault: 13_000_000 })
  })

  it('says nothing where the default was paid, or nothing at all', () => {
    const spending = new Spending()
    spending.follow('a', MODEL)(record(4, 2, 3_000_000))
    assert.equal(spending.of('a'), undefined)
    assert.equal(spending.of('b'), undefined)
  })
})
