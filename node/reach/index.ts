/**
 * @packageDocumentation
 *
 * Gets peers behind NATs onto direct connections: STUN, hole punching over a relayed connection, and what path
 * each peer is on. `protocols/punch/README.md` is the spec.
 *
 * @example
 *
 * ```ts
 * const libp2p = await createLobstahLibp2p({ privateKey })
 * const reach = new Reach({}, { libp2p, doors: libp2p.services.doors, log, now: Date.now })
 * await reach.start()
 * reach.pathOf(libp2p.getConnections(peer)[0]) // 'relayed', later 'punched'
 * ```
 */
export * from './doors.ts'
export * from './errors.ts'
export { closeEnds, gather } from './gather.ts'
export * from './lost-connections.ts'
export { isRelayed, type Path } from './path.ts'
export * from './reach.ts'
export { StunDirectory } from './stun/directory.ts'
export * from './stun/server.ts'
