/**
 * @packageDocumentation
 *
 * Which mesh a home belongs to, and the invites by which others join it.
 *
 * @example
 * ```ts
 * import { createMembership, decodeInvite, encodeInvite, writeMembership } from './index.ts'
 *
 * const membership = createMembership('home', [])
 * const text = encodeInvite({ ...membership, expiresAt: Date.now() + 86_400_000 })
 * await writeMembership('/var/lib/lobstah', decodeInvite(text, Date.now()))
 * ```
 */
export * from './authority.ts'
export * from './errors.ts'
export * from './gate.ts'
export * from './invite.ts'
export * from './invite-uses.ts'
export * from './key-ring.ts'
export * from './membership.ts'
export * from './owner-desk.ts'
