/** A tracker or a Nostr relay did not do what it was asked for; its own words are quoted and cut short. */
export class RendezvousError extends Error {
  static override readonly name = 'RendezvousError'
  override readonly name = 'RendezvousError'
  constructor(message = 'The tracker or Nostr relay did not answer as it should', options?: ErrorOptions) {
    super(message, options)
  }
}

/** The home's Nostr key cannot be read or made. */
export class NostrKeyError extends Error {
  static override readonly name = 'NostrKeyError'
  override readonly name = 'NostrKeyError'
  constructor(message = 'The Nostr key cannot be used', options?: ErrorOptions) {
    super(message, options)
  }
}
