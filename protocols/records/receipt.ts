import { z } from 'zod'
import { finishReason } from '../inference/answer.ts'
import { amount, ed25519PeerId, hash, orderId, time } from './fields.ts'
import { MAX_SETTLEMENT_BYTES, type RecordKind } from './signed-record.ts'

const schema = z.object({
  order: orderId,
  /** SHA-256 of the order's payload. */
  orderHash: hash,
  consumer: ed25519PeerId,
  contributor: ed25519PeerId,
  model: z.string().min(1).max(256),
  digest: z.string().max(256).nullable(),
  /** 0 for the order's first receipt, then one more each time. */
  seq: z.number().int().min(0).max(1_000_000),
  final: z.boolean(),
  promptTokens: amount,
  completionTokens: amount,
  /** Micro-credits for all tokens so far, at the order's price. */
  credits: amount,
  /** How many `delta` frames the receipt covers, from the answer's first. */
  deltas: amount,
  /** The transcript's hash after that many frames: see `Transcript`. */
  transcriptHash: hash,
  /** Said by the final receipt only. */
  finishReason: z.union([finishReason, z.literal('error')]).nullable(),
  startedAt: time,
  completedAt: time
})

/** A contributor's cumulative claim for one order: each receipt replaces the one before it. */
export type Receipt = z.infer<typeof schema>

export const RECEIPT: RecordKind<Receipt> = {
  domain: 'lobstah/receipt/1\n',
  maxBytes: MAX_SETTLEMENT_BYTES,
  schema,
  signer: (receipt) => receipt.contributor
}
