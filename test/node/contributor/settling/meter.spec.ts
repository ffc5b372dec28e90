import assert from 'node:assert/strict'
import fc from 'fast-check'
import { verifyReceipt } from '../../../../node/consumer/settling/verify-receipt.ts'
import { Meter, type MeterInit } from '../../../../node/contributor/settling/meter.ts'
import { Reservation, type ReservedTokens } from '../../../../node/contributor/settling/reservation.ts'
import {
  CreditExhaustedError,
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
import { CONSUMER, CONTRIBUTOR, NOW, anOrder, unlimited } from '../../../support/records.ts'

const record = await seal(ORDER, anOrder(), CONSUMER.privateKey)

function meterOf(changes: Partial<Order> = {}, init: Partial<MeterInit> = {}): Meter {
  const usual = { now: () => NOW, reservation: unlimited(), readIn: () => 0 }
  return new Meter(anOrder(changes), record, { ...usual, ...init })
}

/** A line that holds so many micro-credits. */
function lineOf(limit: number, tokens: ReservedTokens): Reservation {
  const hold = (amount: number): void => {
    if (amount > limit) throw new CreditExhaustedError()
    limit -= amount
  }
  return new Reservation(tokens, { price: anOrder().price, hold, free: (amount) => void (limit += amount) })
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
    const meter = meterOf({}, { promptTokens: 40 })
    assert.deepEqual(meter.usage, { promptTokens: 0, completionTokens: 0 })
    write(meter, 1)
    assert.equal(meter.due, false)
    assert.equal(meter.receipt().promptTokens, 40)
    meter.counted(45)
    assert.equal(meter.receipt().promptTokens, 45)
    assert.equal(meter.finalReceipt({ promptTokens: 44, completionTokens: 1 }, 'stop').promptTokens, 45)
  })

  it('bills the prompt as far as it was read where its consumer ends the answer before the first delta', () => {
    let clock = 0
    const meter = meterOf({}, { promptTokens: 100, readIn: (ms) => ms / 10, clock: () => clock })
    assert.deepEqual([meter.owed, meter.usage.promptTokens], [false, 0])
    clock = 5000
    meter.begin()
    assert.deepEqual([meter.owed, meter.usage.promptTokens], [false, 0])
    clock += 400
    assert.deepEqual([meter.owed, meter.usage.promptTokens], [true, 40])
    const cancelled = meter.finalReceipt(meter.usage, 'cancelled')
    assert.deepEqual([cancelled.promptTokens, cancelled.completionTokens, cancelled.deltas], [40, 0, 0])
    clock += 4000
    assert.equal(meter.usage.promptTokens, 100)
    assert.equal(meter.readMs, undefined)
    write(meter, 1)
    clock += 1
    assert.equal(meter.readMs, 4400)
  })

  it('reserves an interval of receipts before it is served, and no more than the order', () => {
    const reservation = lineOf(1_600_000_000, { promptTokens: 100, completionTokens: 512 })
    const meter = meterOf({ maxCompletionTokens: 1100 }, { reservation })
    const step = (count: number): void => {
      for (let i = 0; i < count; i++) {
        meter.reserve({ content: 'word ' })
        write(meter, 1)
      }
    }
    step(512)
    assert.equal(reservation.tokens.completionTokens, 512)
    step(1)
    assert.equal(reservation.tokens.completionTokens, 1024)
    step(588)
    assert.equal(reservation.tokens.completionTokens, 1100)
    assert.equal(meter.receipt().completionTokens, 1100)
  })

  it('says when the line holds no further interval, and bills what is reserved', () => {
    const reservation = lineOf(600_000_000, { promptTokens: 7, completionTokens: 512 })
    const meter = meterOf({}, { reservation })
    for (let i = 0; i < 512; i++) meter.reserve({ content: 'a' })
    write(meter, 512)
    assert.throws(() => meter.reserve({ content: 'a' }), CreditExhaustedError)
    const last = meter.finalReceipt({ promptTokens: 900, completionTokens: 700 }, 'error')
    assert.deepEqual([last.promptTokens, last.completionTokens], [7, 512])
  })

  it('bills a prompt that the engine counts higher than expected where the line holds it', () => {
    const meter = meterOf({}, { reservation: lineOf(1e12, { promptTokens: 7, completionTokens: 512 }) })
    write(meter, 1)
    assert.equal(meter.finalReceipt({ promptTokens: 900, completionTokens: 1 }, 'stop').promptTokens, 900)
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
    const long = meterOf({ maxPromptTokens: 5000 }, { promptTokens: 512 })
    assert.deepEqual([long.due, long.usage.promptTokens], [false, 0])
    write(long, 1)
    assert.equal(long.due, true)
    assert.equal(long.receipt().promptTokens, 512)
    assert.equal(long.due, false)
    const short = meterOf({}, { promptTokens: 511 })
    write(short, 1)
    assert.equal(short.due, false)
  })

  it("takes the engine's count of the prompt, up to the bound of the order", () => {
    const meter = meterOf({ maxPromptTokens: 40 }, { promptTokens: 10 })
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
    const meter = meterOf({}, { now: () => times.shift() ?? NOW })
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
        const meter = new Meter(order, signed, {
          now: () => NOW + (jumps.shift() ?? 0),
          reservation: unlimited(),
          readIn: () => 0
        })
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
