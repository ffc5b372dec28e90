/**
 * @packageDocumentation
 *
 * A node of the mesh as a library: the program `lobstah-node` is made of these parts.
 *
 * @example
 * ```ts
 * import { createLobstah, ledger, loadOrCreateIdentity } from 'lobstah-node'
 *
 * const { privateKey, peerId } = await loadOrCreateIdentity('identity.key')
 * const book = ledger({ file: 'ledger.sqlite' })({ peer: peerId.toString() })
 * const node = await createLobstah({ privateKey, ledger: book, bootstrap: ['/dns4/relay.example/tcp/17476/p2p/12D3KooW…'] })
 * await node.start()
 * for await (const event of node.consumer.infer({ kind: 'chat', model: 'llama3.2:3b', messages: [{ role: 'user', content: 'Hi' }] })) {
 *   if (event.type === 'delta') process.stdout.write(event.delta.content ?? '')
 * }
 * await node.stop()
 * ```
 */
export type * from './consumer/index.ts'
export type * from './contributor/index.ts'
export * from './engines/index.ts'
export * from './identity/index.ts'
export * from './ledger/index.ts'
export * from './lobstah.ts'
