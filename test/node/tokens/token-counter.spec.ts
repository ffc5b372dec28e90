import assert from 'node:assert/strict'
import { TokenCounter } from '../../../node/tokens/token-counter.ts'
import { until } from '../../support/mesh.ts'

describe('node/tokens/token-counter', () => {
  let counter: TokenCounter

  afterEach(() => counter.stop())

  it('counts in a thread that it starts when it is asked', async () => {
    counter = new TokenCounter()
    assert.equal(counter.loaded, false)
    const [hello, digits] = await counter.most(['Hello there', '12345'])
    assert.ok(hello !== undefined && hello > 2 && hello < 3)
    assert.equal(digits, 5)
    assert.equal(counter.loaded, true)
  })

  it('asks nobody about nothing', async () => {
    counter = new TokenCounter()
    assert.deepEqual(await counter.most([]), [])
    assert.equal(counter.loaded, false)
  })

  it('ends the thread when it has had nothing to do for a while, and starts it again', async () => {
    counter = new TokenCounter({ idleMs: 1 })
    await counter.most(['a word'])
    await until(() => !counter.loaded)
    assert.deepEqual(await counter.most(['12']), [2])
  })

  it('counts bytes where the thread is late, and where it ends', async () => {
    counter = new TokenCounter({ timeoutMs: 0 })
    assert.deepEqual(await counter.most(['four', 'é']), [4, 2])
    counter = new TokenCounter()
    const counting = counter.most(['Hello there'])
    await counter.stop()
    assert.deepEqual(await counting, [11])
  })

  it('counts bytes beyond the longest text', async () => {
    counter = new TokenCounter()
    const chunks = Array.from({ length: 2100 }, () => '1'.repeat(2048))
    chunks.push('a word')
    assert.equal((await counter.most(chunks)).at(-1), 6)
  }).timeout(20_000)
})
