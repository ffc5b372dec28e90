/**
 * @packageDocumentation
 *
 * Finds contributors and stays in touch with them: bootstrap peers, provider records in the DHT, and
 * subscriptions to signed announcements.
 */
export * from './bootstrap-keeper.ts'
export * from './directory.ts'
export * from './errors.ts'
export * from './local-peers.ts'
export * from './mode-keeper.ts'
export * from './names.ts'
export * from './outer-address.ts'
export * from './places.ts'
export * from './provider-records.ts'
export * from './relay-keeper.ts'
export * from './route.ts'
