import { z } from 'zod'
import { ed25519PeerId, hash, orderId, time } from './fields.ts'
import { MAX_SETTLEMENT_BYTES, type RecordKind } from './signed-record.ts'

const schema = z.object({
  order: orderId,
  consumer: ed25519PeerId,
  contributor: ed25519PeerId,
  seq: z.number().int().min(0).max(1_000_000),
  /** SHA-256 of the receipt's payload. */
  receiptHash: hash,
  issuedAt: time
})

/** A consumer's countersignature: it owes what the receipt says. */
export type Acknowledgement = z.infer<typeof schema>

export const ACKNOWLEDGEMENT: RecordKind<Acknowledgement> = {
  domain: 'lobstah/acknowledgement/1\n',
  maxBytes: MAX_SETTLEMENT_BYTES,
  schema,
  signer: (acknowledgement) => acknowledgement.consumer
}
