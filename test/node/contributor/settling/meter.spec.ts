import assert from 'node:assert/strict'
import fc from 'fast-check'
import { verifyReceipt } from '../../../../node/consumer/settling/verify-receipt.ts'
import { Meter } from '../../../../node/contributor/settling/meter.ts'
import {
  ORDER,
  RECEIPT,
  Transcript,
  cost,
  encodeJson,
  seal,
  sha256,
  textBytes,
  type Delta,
  type Order,
  type Receipt
} from '../../../../protocols/index.ts'
import { CONSUMER, CONTRIBUTOR, NOW, anOrder } from '../../../support/records.ts'

const record = await seal(ORDER, anOrder(), CONSUMER.privateKey)

function meterOf(changes: Partial<Order> = {}): Meter {
  return new Meter(anOrder(changes), record, () => NOW)
}

function write(meter: Meter, count: number, delta: Delta = { content: 'word ', tokens: 1 }): void {
  for (let i = 0; i < count; i++) meter.add(delta, encodeJson({ type: 'delta', ...delta }))
}

describe('node/contributor/settling/meter', () => {
  it('says that a receipt is due at every 512 tokens, not before', () => {
    const meter = meterOf()
    write(meter, 511)
    assert.equal(meter.due, false)
    write(meter, 1)
    assert.equal(meter.due, true)
    assert.equal(meter.receipt().completionTokens, 512)
    assert.equal(meter.due, false)
    write(meter, 511)
    assert.equal(meter.due, false)
    write(meter, 1, { content: 'many', tokens: 600 })
    assert.equal(meter.due, true)
  })

  it('bills the prompt from the first receipt on, and only once something was delivered', () => {
    const meter = new Meter(anOrder(), record, () => NOW, 40)
    assert.deepEqual(meter.usage, { promptTokens: 0, completionTokens: 0 })
    write(meter, 1)
    assert.equal(meter.due, false)
    assert.equal(meter.receipt().promptTokens, 40)
    meter.counted(45)
    assert.equal(meter.receipt().promptTokens, 45)
    assert.equal(meter.finalReceipt({ promptTokens: 44, completionTokens: 1 }, 'stop').promptTokens, 45)
  })

  it('takes a delta without a count for one token', () => {
    const meter = meterOf()
    write(meter, 3, { content: 'word' })
    assert.equal(meter.tokens, 3)
  })

  it('numbers its receipts, each for all so far, and ends with the count of the engine', () => {
    const meter = meterOf()
    write(meter, 2)
    const first = meter.receipt()
    write(meter, 1)
    const last = meter.finalReceipt({ promptTokens: 7, completionTokens: 4 }, 'stop')
    assert.deepEqual([first.seq, first.final, first.finishReason, first.deltas], [0, false, null, 2])
    assert.deepEqual([last.seq, last.final, last.finishReason, last.deltas], [1, true, 'stop', 3])
    assert.deepEqual(
      [last.promptTokens, last.completionTokens, last.credits],
      [7, 4, 7 * 250_000 + 4 * 1_000_000]
    )
    assert.equal(last.orderHash, sha256(record.payload))
  })

  it('bills a long prompt with the first delta, not before, and a short one with the next receipt', () => {
    const long = new Meter(anOrder({ maxPromptTokens: 5000 }), record, () => NOW, 512)
    assert.deepEqual([long.due, long.usage.promptTokens], [false, 0])
    write(long, 1)
    assert.equal(long.due, true)
    assert.equal(long.receipt().promptTokens, 512)
    assert.equal(long.due, false)
    const short = new Meter(anOrder(), record, () => NOW, 511)
    write(short, 1)
    assert.equal(short.due, false)
  })

  it("takes the engine's count of the prompt, up to the bound of the order", () => {
    const meter = new Meter(anOrder({ maxPromptTokens: 40 }), record, () => NOW, 10)
    write(meter, 1)
    meter.counted(30)
    assert.equal(meter.receipt().promptTokens, 30)
    meter.counted(50)
    assert.equal(meter.receipt().promptTokens, 40)
  })

  it('never bills more than the order allows, whatever the engine says', () => {
    const meter = meterOf({ maxPromptTokens: 5, maxCompletionTokens: 3 })
    write(meter, 100)
    const last = meter.finalReceipt({ promptTokens: 1000, completionTokens: 1000 }, 'length')
    assert.deepEqual([last.promptTokens, last.completionTokens], [5, 3])
  })

  it('never bills more than the text can have', () => {
    const meter = meterOf()
    write(meter, 1, { content: 'four', tokens: 500 })
    assert.equal(meter.receipt().completionTokens, 4 + 16)
    assert.equal(meter.finalReceipt({ promptTokens: 0, completionTokens: 900 }, 'stop').completionTokens, 20)
  })

  it('never takes back what it billed, when the engine counts less at the end', () => {
    const meter = meterOf()
    write(meter, 100)
    assert.equal(meter.receipt().completionTokens, 100)
    assert.equal(meter.finalReceipt({ promptTokens: 0, completionTokens: 60 }, 'stop').completionTokens, 100)
  })

  it('bills nothing where nothing was delivered, whatever the engine counted', () => {
    const last = meterOf().finalReceipt({ promptTokens: 900, completionTokens: 1 }, 'stop')
    assert.deepEqual([last.deltas, last.promptTokens, last.completionTokens, last.credits], [0, 0, 0, 0])
  })

  it('writes receipts that do not end before they start, where the clock is set back', () => {
    const times = [NOW, NOW - 1000, NOW + 1000]
    const meter = new Meter(anOrder(), record, () => times.shift() ?? NOW)
    write(meter, 1)
    const [first, last] = [meter.receipt(), meter.finalReceipt(meter.usage, 'stop')]
    assert.deepEqual([first.startedAt, first.completedAt, last.completedAt], [NOW, NOW, NOW + 1000])
  })

  it('writes receipts that its consumer accepts, whatever the engine does', async () => {
    const delta = fc.record({
      content: fc.option(fc.string({ maxLength: 12, unit: 'grapheme' }), { nil: undefined }),
      tokens: fc.option(fc.nat(900), { nil: undefined })
    })
    const steps = fc.array(fc.array(delta, { maxLength: 6 }), { maxLength: 4 })
    const usage = fc.record({ promptTokens: fc.nat(5000), completionTokens: fc.nat(20_000) })
    const bounds = fc.record({ maxPromptTokens: fc.nat(2000), maxCompletionTokens: fc.nat(2000) })
    const clock = fc.array(fc.integer({ min: -100_000, max: 100_000 }), { maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(steps, usage, bounds, clock, async (batches, end, limits, jumps) => {
        const order = anOrder(limits)
        const signed = await seal(ORDER, order, CONSUMER.privateKey)
        // Set forth and back, as far as two clocks may differ.
        const meter = new Meter(order, signed, () => NOW + (jumps.shift() ?? 0))
        const transcript = new Transcript(sha256(signed.payload))
        let previous: Receipt | undefined
        const check = async (receipt: Receipt): Promise<void> => {
          assert.equal(receipt.credits, cost(order.price, receipt.promptTokens, receipt.completionTokens))
          const sealed = await seal(RECEIPT, receipt, CONTRIBUTOR.privateKey)
          const context = { order, orderHash: sha256(signed.payload), transcript, previous, now: NOW }
          previous = await verifyReceipt(sealed, context)
          transcript.forget(previous.deltas)
        }
        for (const batch of batches) {
          for (const each of batch) {
            const payload = encodeJson({ type: 'delta', ...each })
            meter.add(each, payload)
            transcript.add(payload, textBytes(each))
          }
          if (batch.length > 0) await check(meter.receipt())
        }
        await check(meter.finalReceipt(end, 'stop'))
      }),
      { numRuns: 60 }
    )
  })
})
