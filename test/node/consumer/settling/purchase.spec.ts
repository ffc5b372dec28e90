import assert from 'node:assert/strict'
import { Purchase } from '../../../../node/consumer/settling/purchase.ts'
import type { Ledger } from '../../../../node/ledger/index.ts'
import { BadRequestError, MAX_REQUEST_BYTES, type InferenceRequest } from '../../../../protocols/index.ts'
import { CONSUMER, CONTRIBUTOR, MODEL, NOW } from '../../../support/records.ts'

describe('node/consumer/settling/purchase', () => {
  it('signs no order for a request that no peer takes', async () => {
    let appended = 0
    const ledger = { append: () => Promise.resolve(appended++) } as unknown as Ledger
    const components = { ledger, privateKey: CONSUMER.privateKey, peer: CONSUMER.peer, now: () => NOW }
    const asking = (content: string): InferenceRequest => ({
      kind: 'chat',
      model: MODEL.id,
      messages: [{ role: 'user', content }]
    })
    const place = async (content: string): Promise<Purchase> =>
      await Purchase.place(asking(content), MODEL, CONTRIBUTOR.peer, components)

    const { byteLength } = (await place('')).document
    const fits = MAX_REQUEST_BYTES - byteLength
    assert.equal((await place('x'.repeat(fits))).document.byteLength, MAX_REQUEST_BYTES)
    assert.equal(appended, 2)
    await assert.rejects(place('x'.repeat(fits + 1)), (err) => {
      assert.ok(err instanceof BadRequestError)
      assert.equal(err.retryable, false)
      assert.match(err.message, /67108865 bytes, and a peer takes 67108864 at most/)
      return true
    })
    assert.equal(appended, 2)
  })
})
