import assert from 'node:assert/strict'
import { keptAnswer, type KeptAnswer, type RunningJob } from '../../../http-gateway/jobs/running-job.ts'
import type { InferOptions, Receipt } from '../../../protocols/index.ts'
import { ACCEPTED, END, content } from '../../support/gateway/stub-consumer.ts'

describe('http-gateway/jobs/running-job', () => {
  const kept = new Map<number, KeptAnswer>()
  const job: RunningJob = {
    caller: undefined,
    signal: new AbortController().signal,
    kept,
    keep: async (choice, answer) => {
      kept.set(choice, structuredClone(answer))
    }
  }
  const receipt = (fields: Partial<Receipt>): Receipt =>
    ({ final: true, finishReason: 'stop', promptTokens: 7, completionTokens: 3, ...fields }) as Receipt
  const script = (...receipts: Partial<Receipt>[]) =>
    async function* ({ beforeReceipt }: Pick<InferOptions, 'beforeReceipt'>) {
      yield ACCEPTED
      yield content('Hel')
      for (const fields of receipts) await beforeReceipt?.(receipt(fields), [{ content: 'lo' }])
      yield content('lo')
      yield END
    }

  beforeEach(() => kept.clear())

  it('keeps a whole answer before its receipt is countersigned, with what is still held back', async () => {
    await Array.fromAsync(keptAnswer(job, 1, script({})))
    assert.deepEqual(kept.get(1), {
      accepted: ACCEPTED,
      deltas: [{ content: 'Hel' }, { content: 'lo' }],
      finishReason: 'stop',
      usage: { promptTokens: 7, completionTokens: 3 }
    })
  })

  it('keeps no part of an answer, and none that broke off', async () => {
    await Array.fromAsync(
      keptAnswer(job, 0, script({ final: false, finishReason: null }, { finishReason: 'error' }))
    )
    assert.equal(kept.size, 0)
  })

  it('gives a kept answer again without asking', async () => {
    await Array.fromAsync(keptAnswer(job, 0, script({})))
    const events = await Array.fromAsync(keptAnswer(job, 0, () => assert.fail('asked again')))
    assert.deepEqual(
      events.map(({ type }) => type),
      ['accepted', 'delta', 'delta', 'end']
    )
  })
})
