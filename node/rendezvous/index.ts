/**
 * @packageDocumentation
 *
 * Finds peers without an address to begin with, at trackers and Nostr relays, and announces this node there: each
 * only where the user said so.
 *
 * @example
 * ```ts
 * const boards = [new TrackerBoard({ url: 'https://tracker.example' }, self)]
 * const announcer = new Announcer({ boards, contact }, { log })
 * announcer.start()
 * ```
 */
export * from './announcer.ts'
export * from './board.ts'
export * from './contact.ts'
export * from './errors.ts'
export * from './finder.ts'
export * from './nostr-board.ts'
export * from './nostr-key.ts'
export * from './tracker-board.ts'
export * from './rendezvous.ts'
