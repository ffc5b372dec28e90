/**
 * @packageDocumentation
 *
 * The kinds of addresses, whether this machine can reach them, and on whose word they are dialled: the one
 * place that tells public addresses from private ones. It stands below the leaves.
 *
 * @example
 *
 * ```ts
 * addressKind('100.64.0.1') // 'private'
 * addressKind('::ffff:169.254.169.254') // 'link-local'
 * ```
 */
export * from './address-kind.ts'
export * from './dial-policy.ts'
export * from './dial-race.ts'
export * from './inbound-places.ts'
export * from './interfaces.ts'
export * from './multiaddrs.ts'
