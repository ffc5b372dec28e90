import { z } from 'zod'
import { acceptableCounts, errorFrame } from '../framing/error-frame.ts'
import { orderId } from '../records/fields.ts'
import { signedRecord } from '../records/signed-record.ts'

/** Why a consumer does not accept a claim. */
export const disputeReason = z.enum([
  'two_receipts',
  'implausible',
  'not_ordered',
  'transcript',
  'exposure',
  'forfeited'
])
export type DisputeReason = z.infer<typeof disputeReason>

const list = z.object({ type: z.literal('list'), after: z.union([orderId, z.literal('')]) })

const reply = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('acknowledgement'),
    acknowledgement: signedRecord,
    /** The receipt that it is of, where that is a later one than claimed. */
    receipt: signedRecord.optional()
  }),
  z.object({
    type: z.literal('dispute'),
    order: orderId,
    seq: z.number().int().min(0).max(1_000_000),
    reason: disputeReason,
    /** With `implausible`: the most that the consumer would have accepted. */
    acceptable: acceptableCounts.optional()
  })
])

/** A consumer's reply to a claim. */
export type ClaimReply = z.infer<typeof reply>

/** Frames of a consumer. */
export const claimReplyFrame = z.discriminatedUnion('type', [list, ...reply.options, errorFrame])
export type ClaimReplyFrame = z.infer<typeof claimReplyFrame>

const claim = z.object({ type: z.literal('claim'), order: signedRecord, receipt: signedRecord })

/** An order that a contributor served, with its latest receipt. */
export type ClaimFrame = z.infer<typeof claim>

/** Frames of a contributor. */
export const claimFrame = z.discriminatedUnion('type', [
  claim,
  z.object({ type: z.literal('end'), next: orderId.nullable() }),
  errorFrame
])
export type ClaimsFrame = z.infer<typeof claimFrame>
