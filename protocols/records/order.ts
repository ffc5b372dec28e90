import { z } from 'zod'
import { MAX_MODEL_NAME_LENGTH } from '../inference/request.ts'
import { price } from '../inference/model.ts'
import { tier } from '../inference/tier.ts'
import { amount, ed25519PeerId, hash, orderId, time } from './fields.ts'
import { MAX_SETTLEMENT_BYTES, type RecordKind } from './signed-record.ts'

const schema = z.object({
  id: orderId,
  consumer: ed25519PeerId,
  contributor: ed25519PeerId,
  kind: z.enum(['chat', 'completion', 'embedding']),
  model: z.string().min(1).max(MAX_MODEL_NAME_LENGTH),
  /** The model's digest as the contributor announced it. */
  digest: z.string().max(256).nullable(),
  /** SHA-256 of the request document's bytes. */
  requestHash: hash,
  price,
  /** The most prompt tokens that may be billed. */
  maxPromptTokens: amount,
  /** The most completion tokens that may be billed. */
  maxCompletionTokens: amount,
  /** How soon it wants to be answered; `interactive` where it is left out. */
  tier: tier.optional(),
  issuedAt: time,
  expiresAt: time
})

/** A consumer's promise to pay a contributor for one answer, up to the bounds it names. */
export type Order = z.infer<typeof schema>

export const ORDER: RecordKind<Order> = {
  domain: 'lobstah/order/1\n',
  maxBytes: MAX_SETTLEMENT_BYTES,
  schema,
  signer: (order) => order.consumer
}
