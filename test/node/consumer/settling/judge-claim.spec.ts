import assert from 'node:assert/strict'
import { judgeClaim } from '../../../../node/consumer/settling/judge-claim.ts'
import { Transcript, cost, sha256, type Receipt } from '../../../../protocols/index.ts'
import { NOW, aReceipt, anOrder } from '../../../support/records.ts'

const ORDER_HASH = sha256('order')
const order = anOrder()

/** A receipt over so many tokens and deltas, at the order's price. */
function claim(completionTokens: number, changes: Partial<Receipt> = {}): Receipt {
  const credits = cost(order.price, 0, completionTokens) ?? 0
  return aReceipt(ORDER_HASH, { completionTokens, credits, deltas: completionTokens, ...changes })
}

describe('node/consumer/settling/judge-claim', () => {
  let transcript: Transcript
  const judge = (
    receipt: Receipt,
    acknowledged?: Receipt,
    seen?: Transcript,
    limit?: 'nothing' | 'prompt'
  ): string | undefined =>
    judgeClaim(receipt, { order, orderHash: ORDER_HASH, acknowledged, transcript: seen, limit, now: NOW })

  beforeEach(() => {
    transcript = new Transcript(ORDER_HASH)
    for (let i = 0; i < 10; i++) transcript.add(Buffer.from(`delta ${i}`), 5)
  })

  it('accepts unseen what may be at risk, and no token or number more', () => {
    assert.equal(judge(claim(1536)), undefined)
    assert.equal(judge(claim(1537)), 'exposure')
    const acknowledged = claim(512)
    assert.equal(judge(claim(2048, { seq: 1 }), acknowledged), undefined)
    assert.equal(judge(claim(2049, { seq: 1 }), acknowledged), 'exposure')
    assert.equal(judge(claim(600, { seq: 3 }), acknowledged), undefined)
    assert.equal(judge(claim(600, { seq: 4 }), acknowledged), 'exposure')
  })

  it('accepts nothing beyond what was acknowledged of an answer that its contributor forfeited', () => {
    const { hash } = transcript.at(4)!
    const seen = claim(4, { deltas: 4, transcriptHash: hash })
    assert.equal(judge(seen, undefined, transcript, 'nothing'), 'forfeited')
    assert.equal(judge(claim(1), undefined, undefined, 'nothing'), 'forfeited')
    const acknowledged = claim(4)
    assert.equal(judge(claim(5, { seq: 1 }), acknowledged, undefined, 'nothing'), 'forfeited')
    assert.equal(judge(claim(4, { seq: 1 }), acknowledged, undefined, 'nothing'), undefined)
  })

  it('accepts the prompt alone of an answer that this consumer cancelled before the first delta', () => {
    const read = (completionTokens: number): Receipt =>
      claim(completionTokens, {
        promptTokens: 40,
        credits: cost(order.price, 40, completionTokens) ?? 0,
        deltas: 0,
        final: true,
        finishReason: 'error'
      })
    assert.equal(judge(read(0), undefined, undefined, 'prompt'), undefined)
    assert.equal(judge(read(1), undefined, undefined, 'prompt'), 'implausible')
    assert.equal(judge(read(0)), 'implausible')
    assert.equal(judge(read(0), undefined, undefined, 'nothing'), 'forfeited')
  })

  it('accepts what was seen, and nothing else over the same text', () => {
    const { hash } = transcript.at(4)!
    const seen = { deltas: 4, transcriptHash: hash }
    assert.equal(judge(claim(4, seen), undefined, transcript), undefined)
    assert.equal(judge(claim(37, seen), undefined, transcript), 'implausible')
    assert.equal(judge(claim(4, { ...seen, deltas: 5 }), undefined, transcript), 'transcript')
    assert.equal(
      judge(claim(4, { ...seen, transcriptHash: sha256('x') }), undefined, transcript),
      'transcript'
    )
    transcript.forget(6)
    assert.equal(judge(claim(4, seen), undefined, transcript), 'transcript')
  })

  it('accepts no receipt that takes back, or follows the final one', () => {
    const acknowledged = claim(100, { promptTokens: 0 })
    assert.equal(judge(claim(99, { seq: 1 }), acknowledged), 'implausible')
    assert.equal(judge(claim(100, { seq: 1, deltas: 99 }), acknowledged), 'implausible')
    const final = claim(100, { final: true, finishReason: 'stop' })
    assert.equal(judge(claim(101, { seq: 1 }), final), 'implausible')
  })

  it('accepts no receipt that bills an answer of which nothing was delivered', () => {
    const credits = 5 * 250_000
    assert.equal(judge(claim(0, { promptTokens: 5, credits })), 'implausible')
    assert.equal(judge(claim(0, { promptTokens: 5, credits, deltas: 1 })), undefined)
    assert.equal(judge(claim(0)), undefined)
  })

  const wrong: [string, Partial<Receipt>][] = [
    ['of another order', { order: 'AAAAAAAAAAAAAAAAAAAAAA' }],
    ['over another order', { orderHash: sha256('other') }],
    ['of another model', { model: 'other:1b' }],
    ['of another digest', { digest: null }],
    ['at another price', { credits: 1 }],
    ['over the prompt ordered', { promptTokens: 100_000, credits: 100_000 * 250_000 + 3_000_000 }],
    ['over the answer ordered', { completionTokens: 8193, credits: 8193 * 1_000_000 }],
    ['final without a reason', { final: true }],
    ['that ends before it starts', { startedAt: NOW + 1 }],
    ['of a time to come', { completedAt: NOW + 300_001 }],
    ['of a time before the order', { startedAt: 0, completedAt: NOW - 300_001 }]
  ]
  for (const [name, changes] of wrong) {
    it(`does not accept a receipt ${name}`, () => assert.equal(judge(claim(3, changes)), 'not_ordered'))
  }
})
