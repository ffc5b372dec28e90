/**
 * @packageDocumentation
 *
 * `/lobstah/receipts/1.0.0`: what two ledgers lack of each other after a crash or a cut. `README.md` is the spec.
 */
export * from './client.ts'
export * from './constants.ts'
export * from './frames.ts'
export * from './server.ts'
