/** No DHT server took the provider record. */
export class NotProvidedError extends Error {
  static override readonly name = 'NotProvidedError'
  override readonly name = 'NotProvidedError'
  constructor(message = 'No DHT server took the provider record') {
    super(message)
  }
}
