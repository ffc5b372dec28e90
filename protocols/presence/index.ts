/**
 * @packageDocumentation
 *
 * The signed record by which peers find each other at trackers and on Nostr. `README.md` is its spec.
 *
 * @example
 * ```ts
 * import { PRESENCE, meshTag } from './index.ts'
 *
 * const record = await seal(PRESENCE, { peer, mesh: meshTag(undefined), ...contact, issuedAt, expiresAt }, privateKey)
 * ```
 */
export * from './constants.ts'
export * from './mesh-seal.ts'
export * from './presence.ts'
