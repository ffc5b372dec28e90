/**
 * @packageDocumentation
 *
 * What the node counts, for Prometheus. The parts know nothing of it: they are given observers, or are asked
 * when somebody scrapes. No label ever names a peer.
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
