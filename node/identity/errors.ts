/** The node's key cannot be read, used or made; the message names the file and says what to do. */
export class IdentityError extends Error {
  static override readonly name = 'IdentityError'
  override readonly name = 'IdentityError'
  constructor(message = "The node's key cannot be used", options?: ErrorOptions) {
    super(message, options)
  }
}
