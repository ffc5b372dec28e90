/**
 * @packageDocumentation
 *
 * What nodes and trackers say to each other over HTTP. `README.md` is the spec.
 *
 * @example
 * ```ts
 * const { peers } = peersSchema.parse(await response.json())
 * ```
 */
export * from './messages.ts'
