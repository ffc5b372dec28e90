import { z } from 'zod'
import { signedRecord } from '../records/signed-record.ts'

/** What a contributor sends to its subscribers. */
export const infoFrame = z.object({ type: z.literal('announcement'), announcement: signedRecord })
