import { z } from 'zod'
import { delta, finishReason, usage } from '../inference/answer.ts'
import { TRACEPARENT } from '../inference/traceparent.ts'
import { signedRecord } from '../records/signed-record.ts'

const position = z.number().int().min(0).max(1_000_000)

/** Longest message of an error frame, in characters. */
export const MAX_ERROR_MESSAGE_LENGTH = 1024

/** Longest name of a parameter in an error frame, in characters. */
export const MAX_ERROR_PARAM_LENGTH = 256

/** Longest wait that an error frame can ask for, in milliseconds: a day. */
export const MAX_RETRY_AFTER_MS = 86_400_000

/** How every exchange fails. */
export const errorFrame = z.object({
  type: z.literal('error'),
  code: z.string().max(64),
  message: z.string().max(MAX_ERROR_MESSAGE_LENGTH),
  param: z.string().max(MAX_ERROR_PARAM_LENGTH).optional(),
  retryable: z.boolean(),
  retryAfterMs: z.number().int().min(0).max(MAX_RETRY_AFTER_MS).optional()
})
export type ErrorFrame = z.infer<typeof errorFrame>

/** The first frame; the request document follows it as a frame of its own. */
export const orderFrame = z.object({
  type: z.literal('order'),
  order: signedRecord,
  /** The consumer's W3C trace context, for the contributor's log; not signed. */
  traceparent: z.string().regex(TRACEPARENT).optional()
})
export type OrderFrame = z.infer<typeof orderFrame>

/** What a consumer sends after its order and request. */
export const consumerFrame = z.discriminatedUnion('type', [
  z.object({ type: z.literal('acknowledgement'), acknowledgement: signedRecord }),
  z.object({ type: z.literal('cancel') }),
  errorFrame
])
export type ConsumerFrame = z.infer<typeof consumerFrame>

/** What a contributor sends. */
export const contributorFrame = z.discriminatedUnion('type', [
  delta.extend({ type: z.literal('delta') }),
  z.object({ type: z.literal('accepted'), position }),
  z.object({
    type: z.literal('status'),
    phase: z.enum(['queued', 'prefill', 'generating']),
    position: position.optional()
  }),
  z.object({ type: z.literal('receipt'), receipt: signedRecord }),
  z.object({ type: z.literal('end'), finishReason, usage }),
  errorFrame
])
export type ContributorFrame = z.infer<typeof contributorFrame>
