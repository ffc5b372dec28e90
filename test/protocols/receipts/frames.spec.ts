import assert from 'node:assert/strict'
import type { z } from 'zod'
import { decodeJson, encodeJson } from '../../../protocols/framing/index.ts'
import { InvalidFrameError, claimFrame, claimReplyFrame } from '../../../protocols/index.ts'
import { CONSUMER_FRAMES, CONTRIBUTOR_FRAMES, ORDER_FRAME, onTheWire } from '../../support/frames.ts'
import { assertGolden, readGolden } from '../../support/golden.ts'
import { anOrder } from '../../support/records.ts'

const { order } = ORDER_FRAME
const { receipt } = CONTRIBUTOR_FRAMES.receipt
const { acknowledgement } = CONSUMER_FRAMES.acknowledgement
const { id } = anOrder()

const SAMPLES: { name: string; schema: z.ZodType; frame: object }[] = [
  { name: 'consumer-list', schema: claimReplyFrame, frame: { type: 'list', after: id } },
  {
    name: 'consumer-acknowledgement',
    schema: claimReplyFrame,
    frame: { type: 'acknowledgement', acknowledgement, receipt }
  },
  {
    name: 'consumer-dispute',
    schema: claimReplyFrame,
    frame: { type: 'dispute', order: id, seq: 2, reason: 'exposure' }
  },
  { name: 'contributor-claim', schema: claimFrame, frame: { type: 'claim', order, receipt } },
  { name: 'contributor-end', schema: claimFrame, frame: { type: 'end', next: id } }
]

describe('protocols/receipts/frames', () => {
  for (const { name, schema, frame } of SAMPLES) {
    it(`${name} is as in its golden file, which is understood, also with unknown fields`, async () => {
      await assertGolden(`frame-receipts-${name}`, onTheWire(frame))
      const { payload } = (await readGolden(`frame-receipts-${name}`)) as { payload: string }
      assert.deepEqual(decodeJson(schema, Buffer.from(payload)), frame)
      assert.deepEqual(decodeJson(schema, encodeJson({ ...frame, future: [1] })), frame)
      assert.throws(() => decodeJson(schema, encodeJson({ ...frame, type: 'future' })), InvalidFrameError)
    })
  }

  it('takes the first page, the last one, and no reason but those of the spec', () => {
    assert.deepEqual(decodeJson(claimReplyFrame, encodeJson({ type: 'list', after: '' })), {
      type: 'list',
      after: ''
    })
    assert.deepEqual(decodeJson(claimFrame, encodeJson({ type: 'end', next: null })), {
      type: 'end',
      next: null
    })
    const dispute = { type: 'dispute', order: id, seq: 0, reason: 'too dear' }
    assert.throws(() => decodeJson(claimReplyFrame, encodeJson(dispute)), InvalidFrameError)
  })
})
