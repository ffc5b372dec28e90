/** A peer wants more of this relay than it may have. */
export class RelayLimitError extends Error {
  static override readonly name = 'RelayLimitError'
  override readonly name = 'RelayLimitError'
  constructor(message = 'The peer has as many circuits as this relay allows') {
    super(message)
  }
}
