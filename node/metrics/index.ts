/**
 * @packageDocumentation
 *
 * The node's metrics for Prometheus. The other modules do not know about metrics: they get observers, or are queried
 * at each scrape. No label ever names a peer.
 *
 * @example
 * ```ts
 * import { Registry } from 'prom-client'
 * import { consumerObserver } from './index.ts'
 *
 * const registry = new Registry()
 * consumerObserver(registry).attempted('direct')
 * console.log(await registry.metrics())
 * ```
 */
export * from './observers.ts'
export * from './scraped.ts'
