/**
 * @packageDocumentation
 *
 * Frames over a libp2p stream: a varint length, then JSON in UTF-8. `protocols/README.md` has the limits.
 */
export * from './byte-queue.ts'
export * from './constants.ts'
export * from './error-frame.ts'
export * from './exchange.ts'
export * from './frame-stream.ts'
export * from './json.ts'
export * from './json-bounds.ts'
export * from './unfinished-frames.ts'
