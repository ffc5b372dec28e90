import assert from 'node:assert/strict'
import { defaultPrice, priceOf } from '../../../../node/contributor/offers/pricing.ts'
import { MODEL } from '../../../support/records.ts'

describe('node/contributor/offers/pricing', () => {
  it('asks one credit for a completion token of a 1-billion-parameter model, a quarter for a prompt token', () => {
    assert.deepEqual(defaultPrice({ ...MODEL, parameters: 1_000_000_000 }), {
      prompt: 250_000,
      completion: 1_000_000
    })
    assert.deepEqual(defaultPrice({ ...MODEL, parameters: 7_600_000_000 }), {
      prompt: 1_900_000,
      completion: 7_600_000
    })
  })

  it('takes a model that does not tell its parameters for one of a billion', () => {
    assert.deepEqual(defaultPrice({ ...MODEL, parameters: null }), { prompt: 250_000, completion: 1_000_000 })
  })

  it('asks whole numbers, and never nothing', () => {
    for (const parameters of [1, 999, 123_456_789, 3]) {
      const { prompt, completion } = defaultPrice({ ...MODEL, parameters })
      assert.ok(Number.isSafeInteger(prompt) && prompt >= 1)
      assert.ok(Number.isSafeInteger(completion) && completion >= 1)
    }
  })

  it('goes by the configured price under any name of the model', () => {
    const price = { prompt: 1, completion: 2 }
    const model = { ...MODEL, id: 'llama3.2:latest' }
    assert.deepEqual(priceOf(model, { 'llama3.2': price }), price)
    assert.deepEqual(priceOf(model, { ' llama3.2:latest ': price }), price)
    assert.deepEqual(priceOf(model, { 'llama3.2:3b': price }), defaultPrice(model))
    assert.deepEqual(priceOf(model, { 'llama3.2': { prompt: 0, completion: 0 } }), {
      prompt: 0,
      completion: 0
    })
  })
})
