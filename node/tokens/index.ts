/**
 * @packageDocumentation
 *
 * How many tokens a text can honestly have, whichever vocabulary its model has: what a consumer holds a contributor's
 * counts against, and a contributor its engine's. `protocols/chat` specifies the rule, `README.md` has the measurements.
 *
 * @example
 * ```ts
 * import { TokenBounds } from './index.ts'
 *
 * const bounds = new TokenBounds(request)
 * bounds.add({ content: 'Hello there' })
 * console.log(await bounds.most({ promptTokens: 40, completionTokens: 100 }))
 * ```
 */
export * from './token-bounds.ts'
export * from './token-counter.ts'
