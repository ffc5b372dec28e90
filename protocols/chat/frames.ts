import { z } from 'zod'
import { errorFrame } from '../framing/error-frame.ts'
import { delta, finishReason, usage } from '../inference/answer.ts'
import { TRACEPARENT } from '../inference/traceparent.ts'
import { signedRecord } from '../records/signed-record.ts'
import { MAX_WAIT_MS } from './constants.ts'

const position = z.number().int().min(0).max(1_000_000)
const waitMs = z.number().int().min(0).max(MAX_WAIT_MS)

/** The first frame; the request document follows it as a frame of its own. */
export const orderFrame = z.object({
  type: z.literal('order'),
  order: signedRecord,
  /** The consumer's W3C trace context, for the contributor's log; not signed. */
  traceparent: z.string().regex(TRACEPARENT).optional()
})
export type OrderFrame = z.infer<typeof orderFrame>

/** Frames of a consumer: `order` first, the others after the request document. */
export const consumerFrame = z.discriminatedUnion('type', [
  orderFrame,
  z.object({ type: z.literal('acknowledgement'), acknowledgement: signedRecord }),
  z.object({ type: z.literal('cancel') }),
  errorFrame
])
export type ConsumerFrame = z.infer<typeof consumerFrame>

/** Frames of a contributor. */
export const contributorFrame = z.discriminatedUnion('type', [
  delta.extend({ type: z.literal('delta') }),
  z.object({ type: z.literal('accepted'), position, waitMs: waitMs.optional() }),
  z.object({
    type: z.literal('status'),
    phase: z.enum(['queued', 'prefill', 'generating']),
    position: position.optional(),
    waitMs: waitMs.optional()
  }),
  z.object({ type: z.literal('receipt'), receipt: signedRecord }),
  z.object({ type: z.literal('end'), finishReason, usage }),
  errorFrame
])
export type ContributorFrame = z.infer<typeof contributorFrame>
