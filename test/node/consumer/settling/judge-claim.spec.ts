import assert from 'node:assert/strict'
import {
  judgeClaim,
  unseenCredits,
  type ClaimContext
} from '../../../../node/consumer/settling/judge-claim.ts'
import { Transcript, cost, sha256, type Receipt } from '../../../../protocols/index.ts'
import { NOW, STRANGER, aReceipt, anOrder } from '../../../support/records.ts'

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

  /** A receipt over these tokens at the order's price. */
  function billing(promptTokens: number, completionTokens: number, changes: Partial<Receipt> = {}): Receipt {
    const credits = cost(order.price, promptTokens, completionTokens) ?? 0
    return aReceipt(ORDER_HASH, { promptTokens, completionTokens, credits, deltas: 1, ...changes })
  }
  const judged = (receipt: Receipt, changes: Partial<ClaimContext> = {}): string | undefined =>
    judgeClaim(receipt, {
      order,
      orderHash: ORDER_HASH,
      acknowledged: undefined,
      transcript: undefined,
      limit: undefined,
      now: NOW,
      ...changes
    })

  const small = anOrder({ maxPromptTokens: 50, maxCompletionTokens: 20 })
  const atBounds: [string, Receipt, string | undefined, Partial<ClaimContext>?][] = [
    ['the most prompt tokens', billing(50, 1), undefined, { order: small }],
    ['one prompt token more', billing(51, 1), 'not_ordered', { order: small }],
    ['the most completion tokens', billing(1, 20), undefined, { order: small }],
    ['one completion token more', billing(1, 21), 'not_ordered', { order: small }],
    ['a clock 5 minutes ahead', billing(1, 1, { completedAt: NOW + 300_000 }), undefined],
    ['a clock further ahead', billing(1, 1, { completedAt: NOW + 300_001 }), 'not_ordered'],
    [
      'a clock 5 minutes behind',
      billing(1, 1, { startedAt: NOW - 300_000, completedAt: NOW - 300_000 }),
      undefined
    ],
    ['a start at its end', billing(1, 1, { startedAt: NOW, completedAt: NOW }), undefined],
    ['a claim of months ago', billing(1, 1), undefined, { now: NOW + 1e10 }],
    ["another's order", billing(1, 1, { consumer: STRANGER.peer }), 'not_ordered'],
    ["another's receipt", billing(1, 1, { contributor: STRANGER.peer }), 'not_ordered'],
    ['a reason without an end', billing(1, 1, { finishReason: 'stop' }), 'not_ordered'],
    ['one micro-credit more', billing(1, 1, { credits: 1_250_001 }), 'not_ordered'],
    ['one micro-credit less', billing(1, 1, { credits: 1_249_999 }), 'not_ordered']
  ]
  for (const [name, receipt, verdict, changes] of atBounds)
    it(`says ${verdict ?? 'yes'} to ${name}`, () => assert.equal(judged(receipt, changes), verdict))

  const before = billing(7, 5, { deltas: 5 })
  const next = (promptTokens: number, completionTokens: number, changes: Partial<Receipt> = {}): Receipt =>
    billing(promptTokens, completionTokens, { seq: 1, deltas: 5, ...changes })
  const falling: [string, Receipt, string | undefined][] = [
    ['the same again', next(7, 5), undefined],
    ['more of each', next(8, 6, { deltas: 6 }), undefined],
    ['a prompt token less', next(6, 5), 'implausible'],
    ['a prompt token less and completion tokens more', next(6, 900), 'implausible'],
    ['a completion token less', next(7, 4), 'implausible'],
    ['a completion token less and prompt tokens more', next(30, 4), 'implausible'],
    ['a delta less', next(7, 5, { deltas: 4 }), 'implausible']
  ]
  for (const [name, receipt, verdict] of falling)
    it(`says ${verdict ?? 'yes'} to ${name} than was acknowledged`, () =>
      assert.equal(judged(receipt, { acknowledged: before }), verdict))

  it('gives a contributor that forfeited its claim not one micro-credit', () => {
    const cheap = anOrder({ price: { prompt: 1, completion: 1 } })
    const one = billing(0, 1, { credits: 1 })
    assert.equal(judged(one, { order: cheap }), undefined)
    assert.equal(judged(one, { order: cheap, limit: 'nothing' }), 'forfeited')
  })

  it('counts the answer that was acknowledged against what may be lost', () => {
    assert.equal(judged(next(7, 5 + 1536, { deltas: 2000 }), { acknowledged: before }), undefined)
    assert.equal(judged(next(7, 5 + 1537, { deltas: 2000 }), { acknowledged: before }), 'exposure')
    assert.equal(judged(billing(7, 5, { seq: 2 })), undefined)
    assert.equal(judged(billing(7, 5, { seq: 3 })), 'exposure')
  })

  it('lets a receipt over no delta bill nothing, not even for nothing', () => {
    const free = anOrder({ price: { prompt: 0, completion: 0 } })
    const over = (promptTokens: number, completionTokens: number): Receipt =>
      aReceipt(ORDER_HASH, { promptTokens, completionTokens })
    assert.equal(judged(over(0, 0), { order: free }), undefined)
    assert.equal(judged(over(1, 0), { order: free }), 'implausible')
    assert.equal(judged(over(0, 1), { order: free }), 'implausible')
    assert.equal(judged(over(0, 1), { order: free, limit: 'prompt' }), 'implausible')
  })

  it('holds what it saw against its own count', () => {
    const seen = { deltas: 10, transcriptHash: transcript.at(10)!.hash }
    const most = { promptTokens: 40, completionTokens: 30 }
    const verdict = (receipt: Receipt): string | undefined => judged(receipt, { transcript, most })
    assert.equal(verdict(billing(40, 30, seen)), undefined)
    assert.equal(verdict(billing(41, 30, seen)), 'implausible')
    assert.equal(verdict(billing(40, 31, seen)), 'implausible')
    // Fifty bytes, and 16 tokens that leave none.
    assert.equal(judged(billing(1, 66, seen), { transcript }), undefined)
    assert.equal(judged(billing(1, 67, seen), { transcript }), 'implausible')
    // Of what was lost on the way only the prompt is known.
    assert.equal(verdict(billing(40, 31, { deltas: 11 })), undefined)
    assert.equal(verdict(billing(41, 31, { deltas: 11 })), 'implausible')
  })

  it('tells what a receipt adds unseen, in micro-credits', () => {
    const receipt = next(8, 9, { deltas: 10 })
    assert.equal(unseenCredits(receipt, { acknowledged: undefined, transcript: undefined }), receipt.credits)
    assert.equal(unseenCredits(receipt, { acknowledged: before, transcript: undefined }), 250_000 + 4_000_000)
    assert.equal(unseenCredits(receipt, { acknowledged: before, transcript }), undefined)
    assert.equal(unseenCredits(next(8, 9, { deltas: 11 }), { acknowledged: before, transcript }), 4_250_000)
  })
})
