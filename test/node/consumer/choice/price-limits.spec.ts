import assert from 'node:assert/strict'
import { PriceLimits } from '../../../../node/consumer/choice/price-limits.ts'
import type { OfferedModel } from '../../../../protocols/index.ts'
import { MODEL } from '../../../support/records.ts'

const credit = 1_000_000

function offer(
  id: string,
  parameters: number | null,
  completion: number,
  prompt = completion / 4
): OfferedModel {
  return { ...MODEL, id, parameters, price: { prompt, completion } }
}

describe('node/consumer/choice/price-limits', () => {
  const limits = new PriceLimits({ 'Dear:70b': { prompt: 1, completion: 2 } })

  const BOUNDS: [why: string, id: string, parameters: number | null, most: number][] = [
    ['four times the default price of its size', 'llama3.1:8b', 8e9, 32],
    ['the size that it tells where its name rounds down', 'llama3.2:1b', 1.24e9, 4.96],
    ['a quarter more than its name says of a size that is not believed', 'tiny:1b', 1e12, 5],
    ['the experts of a mixture', 'mixtral:8x7b', 46.7e9, 186.8],
    ['the largest size in a name', 'qwen3-30b-a3b-instruct', 30.5e9, 122],
    ['millions too', 'gemma3:270m', 268_000_000, 1.072],
    ['32 billion parameters where its name tells no size', 'foo:latest', 1e12, 128],
    ['its own size where its name tells none', 'llama3.3', 20e9, 80],
    ['the size in its name where it tells none', 'llama3.1:8b', null, 32],
    ['a billion parameters where nothing tells a size', 'foo', null, 4],
    ['a version that is no size', 'qwen2.5:latest', null, 4]
  ]
  for (const [why, id, parameters, most] of BOUNDS) {
    it(`pays for ${id} at most by ${why}`, () => {
      const completion = Math.round(most * credit)
      assert.equal(limits.exceeds(offer(id, parameters, completion)), false)
      assert.equal(limits.exceeds(offer(id, parameters, completion + 10)), true)
    })
  }

  it('bounds prompt tokens by themselves', () => {
    assert.equal(limits.exceeds(offer('tiny:1b', 1e9, credit, credit)), false)
    assert.equal(limits.exceeds(offer('tiny:1b', 1e9, credit, credit + 1)), true)
  })

  it('goes by the setting where there is one, also where it allows more', () => {
    assert.equal(limits.exceeds(offer('dear:70b', 70e9, 2, 1)), false)
    assert.equal(limits.exceeds(offer('dear:70b', 70e9, 3, 1)), true)
    const high = new PriceLimits({ 'tiny:1b': { prompt: 1e15, completion: 1e15 } })
    assert.equal(high.exceeds(offer('tiny:1b', 1e9, 1e12)), false)
  })

  it('says why: the price, the limit, and what to set', () => {
    const err = limits.explain('tiny:1b', [offer('tiny:1b', 1e9, 9e12), offer('tiny:1b', 1e9, 1e12)])
    assert.equal(err?.code, 'price_too_high')
    assert.match(
      err.message,
      /at least 250,000 credits .* and 1,000,000 credits .* 4 times .* and 4 credits .*maxPrice/
    )
    assert.equal(limits.explain('tiny:1b', [offer('tiny:1b', 1e9, credit)]), undefined)
  })
})
