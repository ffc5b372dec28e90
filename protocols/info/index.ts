/**
 * @packageDocumentation
 *
 * `/lobstah/info/1.0.0`: a subscription to a contributor's signed announcements. `README.md` is the spec.
 */
export * from './client.ts'
export * from './constants.ts'
export * from './server.ts'
