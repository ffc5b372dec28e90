/** No direct path was found in time. */
export class NoPathError extends Error {
  static override readonly name = 'NoPathError'
  override readonly name = 'NoPathError'
  constructor(message = 'No direct path was found', options?: ErrorOptions) {
    super(message, options)
  }
}

/** A STUN server did not answer, or not by its protocol. */
export class StunError extends Error {
  static override readonly name = 'StunError'
  override readonly name = 'StunError'
  constructor(message = 'A STUN server did not answer', options?: ErrorOptions) {
    super(message, options)
  }
}

/** The transport that a path needs is not loaded. */
export class NoTransportError extends Error {
  static override readonly name = 'NoTransportError'
  override readonly name = 'NoTransportError'
  constructor(message = 'The transport is not loaded', options?: ErrorOptions) {
    super(message, options)
  }
}
