/**
 * @packageDocumentation
 *
 * Everything that changes or reaches into a dependency's private parts: one file for each patch. README.md lists them.
 */
export * from './bounded-answers.ts'
export * from './circuits.ts'
export * from './dial-back.ts'
export * from './dial-queue.ts'
export * from './errors.ts'
export * from './muxer.ts'
export * from './noise.ts'
export * from './peer-datastore.ts'
export * from './peer-protocols.ts'
export * from './provider-records.ts'
export * from './reservation-clock.ts'
export * from './reservations-by-address.ts'
export * from './routing-table.ts'
export * from './unreachable-servers.ts'
export * from './unread-bytes.ts'
export * from './versions.ts'
export * from './websockets.ts'
