/**
 * @packageDocumentation
 *
 * `/lobstah/punch/1.0.0` and `/lobstah/stun/1.0.0`: two peers behind NATs agree on how to meet directly.
 * `README.md` is the spec.
 */
export * from './constants.ts'
export * from './exchange.ts'
export * from './frames.ts'
