/**
 * @packageDocumentation
 *
 * API keys: kept as scrypt hashes, each with its models, its requests a minute and its spending a day; and
 * the token by which the owner of a node's home is known.
 *
 * @example
 * ```ts
 * import { addKey } from './index.ts'
 *
 * console.log(await addKey('/var/lib/lobstah/keys.json', 'phone', { perMinute: 60 }))
 * ```
 */
export { KeyFileError } from './errors.ts'
export { homeToken, readHomeToken } from './home-token.ts'
export { addKey, readKeys, removeKey, type KeyLimits } from './key-file.ts'
export { Keys, scopeOf } from './keys.ts'
