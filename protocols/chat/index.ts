/**
 * @packageDocumentation
 *
 * `/lobstah/chat/1.0.0`: one signed order, one request, one answer with its receipts. `README.md` is the spec.
 */
export * from './client.ts'
export * from './constants.ts'
export * from './frames.ts'
export * from './server.ts'
