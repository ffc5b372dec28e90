/**
 * @packageDocumentation
 *
 * The settings: one schema, from which flags, `LOBSTAH_*` variables, config.json and their reference follow.
 *
 * @example
 * ```ts
 * import { resolveConfig, writeConfig } from './index.ts'
 *
 * await writeConfig('/var/lib/lobstah', { contribute: true })
 * const config = resolveConfig({ flags: { slots: '2' }, env: {}, homeDir: '/var/lib' })
 * ```
 */
export { configFile, readConfigFile } from './config-file.ts'
export * from './describe-config.ts'
export * from './errors.ts'
export { nearestName } from './nearest-name.ts'
export { trackerUrl } from './rendezvous.ts'
export * from './resolve-config.ts'
export * from './schema.ts'
export * from './write-config.ts'
