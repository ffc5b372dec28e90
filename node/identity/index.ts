/**
 * @packageDocumentation
 *
 * This node's identity: an Ed25519 key in a file that only its owner may read.
 *
 * @example
 * ```ts
 * import { loadOrCreateIdentity } from './index.ts'
 *
 * const { peerId, warnings } = await loadOrCreateIdentity('identity.key')
 * ```
 */
export * from './errors.ts'
export * from './identity.ts'
