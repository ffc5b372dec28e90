import { z } from 'zod'
import { signedRecord } from '../records/signed-record.ts'

/** Frames of a contributor to its subscribers. */
export const infoFrame = z.object({ type: z.literal('announcement'), announcement: signedRecord })
