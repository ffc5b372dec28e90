import assert from 'node:assert/strict'
import { verifyReceipt, type ReceiptContext } from '../../../../node/consumer/settling/verify-receipt.ts'
import {
  ORDER,
  RECEIPT,
  ReceiptRefusedError,
  Transcript,
  cost,
  encodeJson,
  seal,
  sha256,
  type Receipt
} from '../../../../protocols/index.ts'
import { CONSUMER, CONTRIBUTOR, MODEL, NOW, STRANGER, aReceipt, anOrder } from '../../../support/records.ts'

const order = anOrder({ maxPromptTokens: 100, maxCompletionTokens: 40 })
const orderHash = sha256((await seal(ORDER, order, CONSUMER.privateKey)).payload)
const MINUTE = 60_000

/** An answer of this many deltas, of four bytes each. */
function delivered(deltas: number): Transcript {
  const transcript = new Transcript(orderHash)
  for (let i = 0; i < deltas; i++) transcript.add(encodeJson({ type: 'delta', content: 'word' }), 4)
  return transcript
}

/** A good receipt for the first deltas of a transcript, with changes that are paid for. */
function receiptFor(transcript: Transcript, changes: Partial<Receipt> = {}): Receipt {
  const point = transcript.at(changes.deltas ?? transcript.deltas)
  const { promptTokens = 7, completionTokens = 3 } = changes
  return aReceipt(orderHash, {
    promptTokens,
    completionTokens,
    credits: cost(order.price, promptTokens, completionTokens)!,
    deltas: transcript.deltas,
    transcriptHash: point?.hash ?? orderHash,
    ...changes
  })
}

describe('node/consumer/settling/verify-receipt', () => {
  let transcript: Transcript
  let context: ReceiptContext

  beforeEach(() => {
    transcript = delivered(5)
    context = { order, orderHash, transcript, previous: undefined, now: NOW }
  })

  const verify = async (receipt: Receipt, signer = CONTRIBUTOR): Promise<Receipt> =>
    await verifyReceipt(await seal(RECEIPT, receipt, signer.privateKey), context)

  const refuses = async (receipt: Receipt, message: RegExp, signer = CONTRIBUTOR): Promise<void> => {
    await assert.rejects(
      verify(receipt, signer),
      (err) => err instanceof ReceiptRefusedError && message.test(err.message)
    )
  }

  it('accepts a receipt for what was delivered', async () => {
    const receipt = receiptFor(transcript)
    assert.deepEqual(await verify(receipt), receipt)
  })

  it('accepts one that covers less than was delivered, as long as it is not final', async () => {
    await verify(receiptFor(transcript, { deltas: 2 }))
    await refuses(
      receiptFor(transcript, { deltas: 2, final: true, finishReason: 'stop' }),
      /does not cover all/
    )
  })

  it('accepts the final one after others', async () => {
    context.previous = await verify(receiptFor(transcript, { deltas: 2, completionTokens: 2 }))
    transcript.forget(2)
    await verify(receiptFor(transcript, { seq: 1, final: true, finishReason: 'stop' }))
  })

  it('accepts the prompt, and nothing else, of an answer that was cancelled before its first delta', async () => {
    const nothing = (changes: Partial<Receipt> = {}): Receipt =>
      receiptFor(delivered(0), { completionTokens: 0, final: true, finishReason: 'cancelled', ...changes })
    context.transcript = delivered(0)
    await refuses(nothing(), /nothing was delivered/)
    context.cancelled = true
    await verify(nothing())
    await refuses(nothing({ completionTokens: 1 }), /delivered|nothing/)
    await refuses(nothing({ finishReason: 'stop' }), /nothing was delivered/)
    context.cancelled = false
    await refuses(nothing({ promptTokens: 0, completionTokens: 1 }), /nothing was delivered/)
    await verify(nothing({ promptTokens: 0 }))
  })

  it('accepts a first receipt over one delta, and the most prompt tokens', async () => {
    await verify(receiptFor(transcript, { deltas: 1, completionTokens: 1, promptTokens: 100 }))
    await refuses(receiptFor(transcript, { promptTokens: 101 }), /more prompt tokens than were ordered/)
  })

  it('accepts as many tokens as were ordered', async () => {
    await verify(receiptFor(transcript, { completionTokens: 36 }))
    context.transcript = transcript = delivered(50)
    await verify(receiptFor(transcript, { completionTokens: 40 }))
    await refuses(
      receiptFor(transcript, { completionTokens: 41 }),
      /more completion tokens than were ordered/
    )
  })

  it('accepts a clock that is 5 minutes wrong, either way', async () => {
    await verify(receiptFor(transcript, { startedAt: 0, completedAt: NOW - 5 * MINUTE }))
    await verify(receiptFor(transcript, { completedAt: NOW + 5 * MINUTE }))
  })

  const lies: [string, Partial<Receipt>, RegExp][] = [
    ['of another order', { order: 'BAECAwQFBgcICQoLDA0ODw' }, /another order/],
    ['of another order with the same id', { orderHash: sha256('other') }, /another order/],
    ['of another consumer', { consumer: STRANGER.peer }, /another consumer/],
    ['of another model', { model: 'gpt:1b' }, /another model or digest/],
    ['of another digest', { digest: 'sha256:0' }, /another model or digest/],
    ['of no digest', { digest: null }, /another model or digest/],
    ['that is not the first', { seq: 1 }, /out of sequence/],
    ['that is final without a reason', { final: true }, /finish reason/],
    ['that has a reason and is not final', { finishReason: 'stop' }, /finish reason/],
    ['of more than 5 minutes ago', { startedAt: 0, completedAt: NOW - 5 * MINUTE - 1 }, /not of this time/],
    ['of more than 5 minutes ahead', { completedAt: NOW + 5 * MINUTE + 1 }, /not of this time/],
    ['that ends before it starts', { startedAt: NOW + 1 }, /before it starts/],
    ['of deltas that never came', { deltas: 6 }, /other deltas/],
    ['of another text', { transcriptHash: sha256('other') }, /another text/],
    ['of a part, as if it were all', { deltas: 4, transcriptHash: sha256('other') }, /another text/],
    ['of more prompt tokens than ordered', { promptTokens: 101 }, /more prompt tokens/],
    ['at a higher price', { credits: 10 ** 9 }, /price/],
    ['at a lower price', { credits: 0 }, /price/]
  ]
  for (const [name, changes, message] of lies) {
    it(`refuses a receipt ${name}`, () => refuses(receiptFor(transcript, changes), message))
  }

  const nothing = { deltas: 0, transcriptHash: orderHash }
  const final = { final: true, finishReason: 'stop' } as const

  it('refuses a receipt over nothing that bills something, and takes a final one that bills nothing', async () => {
    context.transcript = delivered(0)
    for (const counts of [
      { promptTokens: 1, completionTokens: 0 },
      { promptTokens: 0, completionTokens: 1 }
    ]) {
      const receipt = receiptFor(context.transcript, { ...nothing, ...final, ...counts })
      await refuses(receipt, /nothing was delivered/)
    }
    await verify(
      receiptFor(context.transcript, { ...nothing, ...final, promptTokens: 0, completionTokens: 0 })
    )
  })

  it('refuses a receipt that covers nothing new, unless it is the final one', async () => {
    await refuses(receiptFor(transcript, nothing), /covers anything new/)
    context.previous = await verify(receiptFor(transcript))
    transcript.forget(transcript.deltas)
    await refuses(receiptFor(transcript, { seq: 1 }), /covers anything new/)
    await verify(receiptFor(transcript, { seq: 1, ...final }))
  })

  it('refuses a receipt that somebody else signed, or that says so', async () => {
    await refuses(receiptFor(transcript), /signature/, STRANGER)
    await refuses(receiptFor(transcript, { contributor: STRANGER.peer }), /not/, STRANGER)
  })

  describe('after an earlier receipt', () => {
    beforeEach(async () => {
      context.previous = await verify(receiptFor(transcript, { deltas: 3, completionTokens: 3 }))
      transcript.forget(3)
    })

    it('refuses the same one again, and a number that is skipped or goes back', async () => {
      for (const seq of [0, 2, 100]) await refuses(receiptFor(transcript, { seq }), /out of sequence/)
    })

    it('refuses tokens that are taken back', async () => {
      await refuses(receiptFor(transcript, { seq: 1, promptTokens: 6 }), /takes prompt tokens back/)
      await refuses(receiptFor(transcript, { seq: 1, completionTokens: 2 }), /takes completion tokens back/)
    })

    it('refuses one that covers less than the one before', async () => {
      await refuses(receiptFor(transcript, { seq: 1, deltas: 2 }), /other deltas/)
    })

    it('refuses another one after the final one', async () => {
      context.previous = await verify(receiptFor(transcript, { seq: 1, final: true, finishReason: 'stop' }))
      await refuses(receiptFor(transcript, { seq: 2 }), /after the final one/)
    })
  })

  it('refuses a total that JSON does not carry exactly', async () => {
    const dear = { ...order, price: { prompt: 0, completion: Number.MAX_SAFE_INTEGER } }
    context.order = dear
    const receipt = receiptFor(transcript, { completionTokens: 2, credits: Number.MAX_SAFE_INTEGER })
    await refuses(receipt, /price/)
    assert.equal(MODEL.price.completion, order.price.completion)
  })
})
