/**
 * @packageDocumentation
 *
 * An HTTP tracker: a list of the peers that want to be found. It judges nobody; it only bounds what it keeps.
 *
 * @example
 * ```ts
 * import { Tracker } from './index.ts'
 *
 * const tracker = new Tracker({ host: '127.0.0.1', port: 0 }, { log })
 * await tracker.start()
 * ```
 */
export * from './constants.ts'
export * from './errors.ts'
export * from './server.ts'
