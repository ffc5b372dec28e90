import { z } from 'zod'
import { modelInfo, price } from '../inference/model.ts'
import { ed25519PeerId, time } from './fields.ts'
import type { RecordKind } from './signed-record.ts'

/** Most models that one contributor announces. */
export const MAX_ANNOUNCED_MODELS = 256

const count = z.number().int().min(0).max(1_000_000)

const schema = z.object({
  peer: ed25519PeerId,
  /** Grows with each announcement of a peer, over restarts too. */
  sequence: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  issuedAt: time,
  expiresAt: time,
  /** Empty while the engine is away. */
  models: z.array(modelInfo.extend({ price })).max(MAX_ANNOUNCED_MODELS),
  /** Requests answered at once; of which busy; and waiting. */
  slots: count,
  active: count,
  queued: count,
  agent: z.string().max(128),
  /** Says goodbye: this is the last announcement. */
  leaving: z.boolean().optional()
})

/** A contributor's description of itself: its models with their prices, and its load. */
export type Announcement = z.infer<typeof schema>

export const ANNOUNCEMENT: RecordKind<Announcement> = {
  domain: 'lobstah/announcement/1\n',
  schema,
  signer: (announcement) => announcement.peer
}
