/**
 * @packageDocumentation
 *
 * Presences as Nostr events. `README.md` is the spec.
 *
 * @example
 * ```ts
 * const presence = await readPresenceEvent(event, [], Date.now())
 * ```
 */
export * from './event.ts'
