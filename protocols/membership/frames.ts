import { z } from 'zod'
import { errorFrame } from '../framing/error-frame.ts'
import { amount, hash } from '../records/fields.ts'
import { signedRecord } from '../records/signed-record.ts'
import { MAX_INVITE_LENGTH, MAX_STATEMENTS } from './constants.ts'

/** Frames of either side. */
export const membershipFrame = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    /** None from a peer that is about to redeem an invite. */
    certificate: signedRecord.optional(),
    /** The root's statement, where the certificate's issuer is not the root. */
    authority: signedRecord.optional(),
    /** Number of the latest pre-shared key that it has. */
    epoch: amount
  }),
  z.object({ type: z.literal('redeem'), invite: z.string().max(MAX_INVITE_LENGTH) }),
  z.object({ type: z.literal('admitted'), certificate: signedRecord }),
  z.object({
    type: z.literal('update'),
    statements: z.array(signedRecord).max(MAX_STATEMENTS),
    /** The latest pre-shared key, base64url, for a member that has an older one. */
    key: hash.optional()
  }),
  errorFrame
])
export type MembershipFrame = z.infer<typeof membershipFrame>
