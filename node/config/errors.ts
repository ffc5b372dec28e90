/** A setting is not what it must be; the message names where each came from and what is expected. */
export class ConfigError extends Error {
  static override readonly name = 'ConfigError'
  override readonly name = 'ConfigError'
  constructor(message = 'The configuration is not valid', options?: ErrorOptions) {
    super(message, options)
  }
}
