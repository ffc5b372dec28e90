/**
 * @packageDocumentation
 *
 * Signed records: orders, receipts, acknowledgements and announcements. `README.md` is their spec.
 *
 * @example
 * ```ts
 * import { generateKeyPair } from '@libp2p/crypto/keys'
 * import { ORDER, open, seal } from './index.ts'
 *
 * const record = await seal(ORDER, order, await generateKeyPair('Ed25519'))
 * const verified = await open(ORDER, record)
 * ```
 */
export * from './acknowledgement.ts'
export * from './announcement.ts'
export * from './billing.ts'
export * from './errors.ts'
export * from './hash.ts'
export * from './order.ts'
export * from './receipt.ts'
export * from './signed-record.ts'
export * from './transcript.ts'
