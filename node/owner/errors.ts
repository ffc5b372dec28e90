/** A signal of the machine cannot be read. */
export class SignalError extends Error {
  static override readonly name = 'SignalError'
  override readonly name = 'SignalError'
  constructor(message = 'The signal cannot be read', options?: ErrorOptions) {
    super(message, options)
  }
}

/** The file that keeps a pause is damaged, or cannot be written. */
export class PauseFileError extends Error {
  static override readonly name = 'PauseFileError'
  override readonly name = 'PauseFileError'
  constructor(message = 'The pause cannot be kept', options?: ErrorOptions) {
    super(message, options)
  }
}
