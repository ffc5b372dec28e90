/**
 * @packageDocumentation
 *
 * The wire protocols between lobstah nodes: frames, signed records, and the stream protocols' clients
 * and servers. `README.md` is the overview; each protocol's own README is its spec.
 */
export * from './constants.ts'
export * from './errors.ts'
export * from './chat/index.ts'
export * from './framing/index.ts'
export * from './inference/index.ts'
export * from './info/index.ts'
export * from './membership/index.ts'
export * from './punch/index.ts'
export * from './receipts/index.ts'
export * from './records/index.ts'
