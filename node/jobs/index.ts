/**
 * @packageDocumentation
 *
 * Work that outlives a request: files and batches in an encrypted SQLite file, and the scheduler that
 * asks the lines of batches. It knows neither HTTP nor the mesh: `execute` asks a line.
 *
 * @example
 * ```ts
 * const store = new JobStore({ file: 'jobs.sqlite', key: storageKey(seed) })
 * await store.start()
 * const scheduler = new Scheduler(init, { store, execute, serves, now: Date.now, onError: console.error })
 * await scheduler.start()
 * await scheduler.submit(batch)
 * ```
 */
export { JobStoreFullError } from './errors.ts'
export { FileWriter, readFile } from './file-writer.ts'
export type { LineOutcome } from './line-outcome.ts'
export type * from './records.ts'
export { Scheduler, type LineCall } from './scheduler.ts'
export { storageKey } from './sealer.ts'
export { JobStore, type JobStoreInit } from './store.ts'
