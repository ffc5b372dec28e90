/** A signed record is forged, malformed, not canonical, or signed by somebody else. */
export class InvalidRecordError extends Error {
  static override readonly name = 'InvalidRecordError'
  override readonly name = 'InvalidRecordError'
  constructor(message = 'The signed record is not valid', options?: ErrorOptions) {
    super(message, options)
  }
}
